"""GET /api/metrics, /api/sessions and /api/events."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.lib import clock
from events.gateway.auth import ReadKeyAuthentication, project_of
from events.gateway.schema import errors, query
from events.gateway.views import IngestView
from events.selectors import get_event
from metrics.api.answers import ANSWERS, answered
from metrics.api.bodies import metrics_body
from metrics.api.events import as_json, ids_asked_for, list_answer, stored_id
from metrics.api.times import UTC, wire
from metrics.language.params import check_texts, one, parse_limit
from metrics.language.ranges import parse_range, parse_zone
from metrics.query.ask import ask
from metrics.query.parse import wants_plan
from sessions.selectors import Session, list_sessions

_RANGE = query("range", "24h, 7d, 90d, today, yesterday, mtd, or FROM/TO (ISO 8601, half-open); default 24h.")
_TZ = query("tz", "IANA time zone; default UTC.")


class MetricsView(APIView):
    """Answers one question about the key's project."""

    @extend_schema(
        operation_id="metrics",
        parameters=[
            query(
                "metric",
                "count, users, sessions, sum|avg|min|max|p50|p90|p95|p99:props.NAME, or a defined metric.",
                required=True,
            ),
            query("type", "Event type.", many=True),
            _RANGE,
            query("step", "auto, 1m, 5m, 15m, 1h, 1d, 1w or 1mo; default auto."),
            _TZ,
            query("groupBy", "type or props.NAME, at most two.", many=True),
            query("filter", "FIELD:OP:VALUE; eq ne in contains gt gte lt lte exists.", many=True),
            query("segment", "Only the people of this segment."),
            query("limit", "Groups shown, 1 to 1000, default 100; the rest as `other`."),
            query("compare", "previous: the period before too."),
            query("explain", "1: also say what was read, and why."),
        ],
        responses=ANSWERS,
    )
    def get(self, request: Request) -> Response:
        """Answer the question in the query string."""
        params = dict(request.GET.lists())
        explained = wants_plan(params)
        answer = ask(project_id=project_of(request), params=params)
        return answered(request, metrics_body(answer, explained=explained), seconds=answer.seconds)


class SessionsView(APIView):
    """Lists the sessions of the key's project."""

    @extend_schema(
        operation_id="sessions",
        parameters=[
            query("userId", "Only the sessions of this person, under all ids."),
            _RANGE,
            _TZ,
            query("cursor", "The `nextCursor` of the page before."),
            query("limit", "Sessions a page: 1 to 1000, default 100."),
        ],
        responses={200: {"type": "object"}, **errors(400, 401, 403, 503)},
    )
    def get(self, request: Request) -> Response:
        """List sessions that start in the range, newest first."""
        params = dict(request.GET.lists())
        check_texts(params)
        tz = parse_zone(one(params, "tz") or UTC.key)
        start, end = parse_range(one(params, "range") or "24h", tz, clock.now())
        page = list_sessions(
            project_id=project_of(request),
            user_ids=ids_asked_for(project_of(request), params),
            start=start,
            end=end,
            cursor=one(params, "cursor"),
            limit=parse_limit(one(params, "limit"), default=100, most=1000),
        )
        return Response({"sessions": [_session(one_) for one_ in page.items], "nextCursor": page.next_cursor})


class EventsView(IngestView):
    """Takes events with a write key, which knows only POST; lists stored events with a read key."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Choose by method: what a key may do depends on its kind."""
        if self.request and self.request.method in ("GET", "HEAD"):
            return [ReadKeyAuthentication()]
        return super().get_authenticators()

    @extend_schema(
        operation_id="list_events",
        description="Lists stored events, newest first.",
        parameters=[
            query("userId", "Only the events of this person, under all ids."),
            query("type", "Only events of this type."),
            query("eventId", "Only this event."),
            _RANGE,
            _TZ,
            query("cursor", "The `nextCursor` of the page before."),
            query("limit", "Events a page: 1 to 1000, default 100."),
        ],
        responses={200: {"type": "object"}, **errors(400, 401, 403, 405, 503)},
    )
    def get(self, request: Request) -> Response:
        """List stored events, newest first."""
        return Response(list_answer(project_of(request), dict(request.GET.lists())))

    def handle_exception(self, exc: Exception) -> Response:
        """Answer errors; a write key that reads used the wrong method."""
        if isinstance(exc, PermissionDenied) and self.request.method in ("GET", "HEAD"):
            exc = MethodNotAllowed(str(self.request.method), detail="A write key can only POST here.")
        return super().handle_exception(exc)


class EventView(APIView):
    """Reads one stored event."""

    @extend_schema(operation_id="event", responses={200: {"type": "object"}, **errors(401, 403, 404, 503)})
    def get(self, request: Request, event_id: str) -> Response:
        """Return the event with this id: the one that was sent, or the one that stands for it."""
        found = get_event(project_id=project_of(request), event_id=stored_id(event_id))
        if found is None:
            raise Http404("There is no such event.")
        return Response(as_json(found))


def _session(session: Session) -> dict[str, Any]:
    return {
        "sessionId": str(session.session_id),
        "userId": session.user_id,
        "start": wire(session.start),
        "end": wire(session.end),
        "durationSeconds": session.duration_seconds,
        "events": session.events,
        "entry": session.entry,
        "exit": session.exit,
    }
