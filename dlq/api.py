"""The dead-letter queue over REST. A read key looks; replaying and discarding change the project, so they need
an admin of it with a login: the browser's session, or HTTP Basic with user name and password.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from dlq import replay as replays
from dlq import services
from dlq.models import DeadLetter
from dlq.selectors import list_letters
from dlq.tasks import request_replay
from events import audit
from events.gateway.schema import errors, query
from events.roles import Role
from metrics.api.membership import BODY_ERRORS, PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.language.params import one, parse_limit

_MOST = 1000


class LettersView(MemberOrKeyView):
    """Lists dead letters."""

    @extend_schema(
        operation_id="dead_letters",
        parameters=[
            query("reason", "Only this reason."),
            query("state", "new (default), replayed or discarded."),
            query("before", "Only letters with a smaller id: the `nextBefore` of the page before."),
            query("limit", "Letters a page: 1 to 1000, default 100."),
            PROJECT,
        ],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """Return the project's dead letters, newest first."""
        params = self.texts()
        limit = parse_limit(one(params, "limit"), default=100, most=_MOST)
        letters = list_letters(
            project_id=self.project_id(),
            reason=one(params, "reason"),
            state=_state(one(params, "state") or DeadLetter.State.NEW),
            before=_id(one(params, "before")),
            limit=limit + 1,
        )
        shown = letters[:limit]
        more = len(letters) > limit
        return Response(
            {"letters": [_letter(one_) for one_ in shown], "nextBefore": shown[-1].pk if more else None}
        )


class _DecisionView(MemberOrKeyView):
    change_role = Role.ADMIN

    def ids(self, request: Request) -> list[int]:
        """Return the letters that the body names."""
        data = request.data
        ids = data.get("ids") if isinstance(data, dict) else None
        if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST:
            raise BadQuestion(f"`ids` must be an array of 1 to {_MOST} letters' ids.", field="ids")
        if not all(type(one_) is int and 0 < one_ < 2**63 for one_ in ids):
            raise BadQuestion("`ids` must hold ids of letters.", field="ids")
        return ids


_IDS = {
    "type": "object",
    "required": ["ids"],
    "properties": {"ids": {"type": "array", "items": {"type": "integer"}}},
}


class ReplayView(_DecisionView):
    """Replays dead letters through the bus."""

    @extend_schema(
        operation_id="replay_dead_letters",
        request={"application/json": _IDS},
        parameters=[query("dryRun", "true: only tell what would pass."), PROJECT],
        responses={
            200: {"type": "object"},
            202: {"type": "object"},
            **errors(*BODY_ERRORS),
        },
    )
    def post(self, request: Request) -> Response:
        """Tell what would pass (`dryRun`), or ask Celery to do it."""
        ids, project_id = self.ids(request), self.project_id()
        if _is_dry(request):
            verdict = replays.dry_run(ids=ids, project_id=project_id)
            failed = [{"id": id_, "message": message} for id_, message in verdict.failed.items()]
            return Response({"wouldPass": verdict.passed, "wouldFail": failed})
        by = str(request.user)
        requested = request_replay(ids=ids, by=by, project_id=project_id)
        audit.record(by=by, action="dlq.replay", project_id=project_id, letters=requested)
        return Response({"requested": requested}, status=202)


class DiscardView(_DecisionView):
    """Discards dead letters; their bytes stay until the project goes."""

    @extend_schema(
        operation_id="discard_dead_letters",
        request={"application/json": _IDS},
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS)},
    )
    def post(self, request: Request) -> Response:
        """Mark letters as discarded."""
        ids, project_id = self.ids(request), self.project_id()
        by = str(request.user)
        discarded = services.discard(ids=ids, by=by, project_id=project_id)
        audit.record(by=by, action="dlq.discard", project_id=project_id, letters=discarded)
        return Response({"discarded": discarded})


def _is_dry(request: Request) -> bool:
    """Tell whether only a dry run is asked for. Anything but a plain yes or no is refused: a replay is for good."""
    body: dict[str, Any] = dict(request.data)
    asked = [value for value in (body.get("dryRun"), request.GET.get("dryRun")) if value is not None]
    if not all(isinstance(value, bool) or value in ("true", "false") for value in asked):
        raise BadQuestion("`dryRun` must be true or false.", field="dryRun")
    return any(value in (True, "true") for value in asked)


def _state(text: str) -> str:
    if text not in DeadLetter.State.values:
        raise BadQuestion(f"`state` must be one of {', '.join(DeadLetter.State.values)}.", field="state")
    return text


def _id(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadQuestion("`before` must be the id of a letter.", field="before")
    return int(text)


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.pk,
        "stage": letter.stage,
        "reason": letter.reason,
        "field": letter.field,
        "message": letter.message,
        "raw": bytes(letter.raw).decode("utf-8", "replace"),
        "edited": bytes(letter.edited).decode() if letter.edited is not None else None,
        "state": letter.state,
        "attempts": letter.attempts,
        "receivedAt": wire(letter.received_at),
        "resolvedAt": wire(letter.resolved_at) if letter.resolved_at else None,
        "resolvedBy": letter.resolved_by or None,
    }
