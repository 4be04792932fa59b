"""POST /api/events: the way in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.engine import ingest_bus
from config.lib import clock
from events.contracts import Lane
from events.errors import NothingAcceptable, Rejected
from events.gateway import schema, telemetry
from events.gateway.auth import HasProjectKey, WriteKeyAuthentication, key_of, project_of
from events.gateway.body import read_events
from events.gateway.decode import Decoded, check_repeated_keys
from events.gateway.encode import Encoder
from events.gateway.limits import limits
from events.gateway.quota import quotas
from events.plan.known import plans
from events.plan.modes import Mode
from events.reasons import Reason

_LONGEST_KEY = 255


class IngestView(APIView):
    """Takes events with a write key."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Preflights and wrong methods carry no key."""
        return [WriteKeyAuthentication()] if self.request and self.request.method == "POST" else []

    def get_permissions(self) -> list[Any]:
        """Let preflights and wrong methods through to their answers; all else needs a key."""
        return [HasProjectKey()] if self.get_authenticators() else [AllowAny()]

    @extend_schema(**schema.INGEST)
    def post(self, request: Request) -> Response:
        """Accept one event or many; 202 once they are on disk."""
        decoded = read_events(request._request, limits())
        if quota := key_of(request).quota:
            quotas().spend(quota, len(decoded.events))
        encoder = encode(request, decoded)
        ingest_bus().append(encoder.batch())
        return Response(_answer(encoder), status=202)

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """Answer a preflight: any page may send events, none with credentials."""
        response = Response(status=204)
        response["Access-Control-Allow-Methods"] = "POST"
        response["Access-Control-Allow-Headers"] = request.META.get(
            "HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "authorization, content-type, x-api-key"
        )
        response["Access-Control-Max-Age"] = "86400"
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Let any page read the answer, and count failures."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        if response.status_code >= 400:
            telemetry.failures.labels(str(response.status_code)).inc()
        return response


def encode(request: Request, decoded: Decoded) -> Encoder:
    """Encode a request's events for its key's project. Raises NothingAcceptable where none can be taken."""
    encoder = Encoder(
        project_id=project_of(request),
        lane=Lane.LIVE,
        now=clock.now(),
        limits=limits(),
        idempotency_key=request.META.get("HTTP_IDEMPOTENCY_KEY", "")[:_LONGEST_KEY],
        odd=decoded.odd,
        plan=plans.of(project_of(request), key_of(request).plan),
    )
    encoder.encode(decoded.events, decoded.sent_at)
    check_repeated_keys(decoded, encoder.keys)
    _count(encoder)
    if not encoder.event_ids and not any(error.reason.is_limit for _, error in encoder.errors):
        first = encoder.errors[0][1]
        raise NothingAcceptable(first.message, errors=_errors(encoder.errors))
    return encoder


def _count(encoder: Encoder) -> None:
    for _, error in encoder.errors:
        telemetry.refused.labels(error.reason.value).inc()
        if error.reason is Reason.PLAN_VIOLATION:
            telemetry.plan_violations.labels(Mode.ENFORCE.value).inc()
    if encoder.warned:
        telemetry.plan_violations.labels(Mode.WARN.value).inc(encoder.warned)


def _answer(encoder: Encoder) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "accepted": len(encoder.event_ids),
        "quarantined": len(encoder.rejects),
        "eventIds": encoder.event_ids,
    }
    if encoder.errors:
        answer["errors"] = _errors(encoder.errors)
    return answer


def _errors(errors: list[tuple[int, Rejected]]) -> list[dict[str, Any]]:
    return [
        {"index": index, "field": error.field, "code": error.reason.value, "message": error.message}
        for index, error in errors
    ]
