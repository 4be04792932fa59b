"""/api/plan/{type}/violations: what of a type broke the plan; the plan need not name it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from events.gateway.schema import errors, query
from events.plan.selectors import Example, Violations, examples, violations_by_hour
from metrics.api.membership import PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.times import wire
from metrics.language.params import Params, check_texts, one
from metrics.language.ranges import parse_range, parse_zone

RANGE = query(
    "range", "24h, 7d, .. or FROM/TO: whole hours (UTC) in which events were processed; default 24h."
)
_HOUR = timedelta(hours=1)


class ViolationsView(MemberOrKeyView):
    """How often a type broke the plan, and with which events."""

    @extend_schema(
        operation_id="plan_violations",
        parameters=[RANGE, PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request, type: str) -> Response:
        """Return how many events by hour, and the latest of those that are stored."""
        check_texts({"type": [type]})
        project_id, (start, end) = self.project_id(), hours_of(self.params("range"))
        found = violations_of(type, project_id=project_id, start=start, end=end)
        return Response(found | {"range": {"from": wire(start), "to": wire(end)}})


def hours_of(params: Params) -> tuple[datetime, datetime]:
    """Return the asked range, widened to whole hours. Raises BadQuestion."""
    start, end = parse_range(one(params, "range") or "24h", parse_zone("UTC"), clock.now())
    return _hour(start), _hour(end + _HOUR - timedelta(microseconds=1))


def violations_of(type: str, *, project_id: int, start: datetime, end: datetime) -> dict[str, Any]:
    """Return what of a type broke the plan, as the wire has it."""
    asked: dict[str, Any] = {"project_id": project_id, "type": type, "start": start, "end": end}
    hours = violations_by_hour(**asked)
    warned, quarantined = (sum(getattr(hour, kind) for hour in hours) for kind in ("warned", "quarantined"))
    return {
        "type": type,
        **counts(Violations(type, warned, quarantined)),
        "hours": [{"hour": wire(_as_time(hour))} | counts(hour) for hour in hours],
        "examples": [_example(one_) for one_ in examples(**asked)] if warned else [],
    }


def counts(found: Violations) -> dict[str, int]:
    """Return how many events were stored with a mark, and how many were quarantined."""
    return {"warned": found.warned, "quarantined": found.quarantined}


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _as_time(hour: Violations) -> datetime:
    assert isinstance(hour.of, datetime)
    return hour.of


def _example(found: Example) -> dict[str, Any]:
    breach = found.breach
    return {
        "eventId": str(found.event_id),
        "ts": wire(found.ts),
        "field": breach.field if breach else None,
        "message": breach.message if breach else None,
    }
