"""/api/plan: what a project has agreed to send. A read key or a member reads it, an admin changes it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from events.gateway.schema import errors, query
from events.models import PlannedType
from events.plan import services
from events.plan.modes import Mode, Unlisted
from events.plan.selectors import (
    Example,
    Violations,
    current_plan,
    examples,
    violations_by_hour,
    violations_by_type,
)
from events.roles import Role
from metrics.api.membership import MemberOrKeyView
from metrics.api.parsers import StrictJson
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.language.params import check_known, check_texts, one
from metrics.language.ranges import parse_range, parse_zone

_PROJECT = query("project", "The project's slug, for logged-in members of several projects.")
_RANGE = query(
    "range", "24h, 7d, .. or FROM/TO: whole hours (UTC) in which events were processed; default 24h."
)
_UNLISTED = {
    "type": "object",
    "required": ["unlisted"],
    "properties": {"unlisted": {"type": "string", "enum": [mode.value for mode in Unlisted]}},
}
_TYPE = {
    "type": "object",
    "required": ["mode", "schema"],
    "properties": {
        "mode": {"type": "string", "enum": [mode.value for mode in Mode]},
        "schema": {"type": "object", "additionalProperties": True},
    },
}
_READ_ERRORS = (400, 401, 403, 404, 503)
_BODY_ERRORS = (400, 401, 403, 404, 408, 413, 415, 503)
_HOUR = timedelta(hours=1)
M = TypeVar("M", Mode, Unlisted)


class _PlanView(MemberOrKeyView):
    parser_classes = [StrictJson]
    change_role = Role.ADMIN

    def hours(self) -> tuple[datetime, datetime]:
        """Return the asked range, widened to whole hours."""
        params = {name: [str(value) for value in values] for name, values in self.request.GET.lists()}
        check_texts(params)
        check_known(params, ("range", "project"))
        start, end = parse_range(one(params, "range") or "24h", parse_zone("UTC"), clock.now())
        return _hour(start), _hour(end + _HOUR - timedelta(microseconds=1))

    def planned(self, type: str) -> PlannedType:
        """Return what the plan says of a type. Raises Http404."""
        check_texts({"type": [type]})
        found = PlannedType.objects.filter(project_id=self.project_id(), type=type).first()
        if found is None:
            raise Http404("The plan does not name this type.")
        return found


class PlanView(_PlanView):
    """A project's plan as a whole."""

    @extend_schema(
        operation_id="plan",
        parameters=[_RANGE, _PROJECT],
        responses={200: {"type": "object"}, **errors(*_READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """Return the plan, and which types broke it in the range."""
        project_id, (start, end) = self.project_id(), self.hours()
        plan = current_plan(project_id)
        types = PlannedType.objects.filter(project_id=project_id).order_by("type")
        broke = violations_by_type(project_id=project_id, start=start, end=end)
        return Response(
            {
                "version": plan.version if plan else 0,
                "unlisted": plan.unlisted if plan else Unlisted.ALLOW,
                "types": [_planned(row) for row in types],
                "range": {"from": wire(start), "to": wire(end)},
                "violations": [{"type": one_.of} | _counts(one_) for one_ in broke],
            }
        )

    @extend_schema(
        operation_id="change_plan",
        request={"application/json": _UNLISTED},
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_BODY_ERRORS)},
    )
    def put(self, request: Request) -> Response:
        """Say what is done about types that the plan does not name."""
        mode = _mode(Unlisted, _object(request.data, "unlisted"), "unlisted")
        services.set_unlisted(project_id=self.project_id(), unlisted=mode, by=str(request.user))
        return Response({"unlisted": mode})


class PlanTypeView(_PlanView):
    """What the plan says of one type."""

    @extend_schema(
        operation_id="planned_type",
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_READ_ERRORS)},
    )
    def get(self, request: Request, type: str) -> Response:
        """Return the type's mode and schema."""
        return Response(_planned(self.planned(type)))

    @extend_schema(
        operation_id="plan_type",
        request={"application/json": _TYPE},
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_BODY_ERRORS)},
    )
    def put(self, request: Request, type: str) -> Response:
        """Give the type a schema and a mode, in place of what it had."""
        check_texts({"type": [type]})
        body = _object(request.data, "mode", "schema")
        row = services.put_type(
            project_id=self.project_id(),
            type=type,
            mode=_mode(Mode, body, "mode"),
            schema=body.get("schema"),
            by=str(request.user),
        )
        return Response(_planned(row))

    @extend_schema(
        operation_id="delete_planned_type",
        parameters=[_PROJECT],
        responses={204: None, **errors(*_READ_ERRORS)},
    )
    def delete(self, request: Request, type: str) -> Response:
        """Take the type out of the plan."""
        check_texts({"type": [type]})
        if not services.delete_type(project_id=self.project_id(), type=type, by=str(request.user)):
            raise Http404("The plan does not name this type.")
        return Response(status=204)


class ViolationsView(_PlanView):
    """What of a type broke the plan; the plan need not name it."""

    @extend_schema(
        operation_id="plan_violations",
        parameters=[_RANGE, _PROJECT],
        responses={200: {"type": "object"}, **errors(*_READ_ERRORS)},
    )
    def get(self, request: Request, type: str) -> Response:
        """Return how many events by hour, and the latest of those that are stored."""
        check_texts({"type": [type]})
        project_id, (start, end) = self.project_id(), self.hours()
        asked: dict[str, Any] = {"project_id": project_id, "type": type, "start": start, "end": end}
        hours = violations_by_hour(**asked)
        warned, quarantined = (
            sum(getattr(hour, kind) for hour in hours) for kind in ("warned", "quarantined")
        )
        return Response(
            {
                "type": type,
                "range": {"from": wire(start), "to": wire(end)},
                **_counts(Violations(type, warned, quarantined)),
                "hours": [{"hour": wire(_as_time(hour))} | _counts(hour) for hour in hours],
                "examples": [_example(one_) for one_ in examples(**asked)] if warned else [],
            }
        )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _as_time(hour: Violations) -> datetime:
    assert isinstance(hour.of, datetime)
    return hour.of


def _planned(row: PlannedType) -> dict[str, Any]:
    return {
        "type": row.type,
        "mode": row.mode,
        "schema": json.loads(row.schema),
        "updatedAt": wire(row.updated_at),
        "updatedBy": row.updated_by,
    }


def _counts(found: Violations) -> dict[str, int]:
    return {"warned": found.warned, "quarantined": found.quarantined}


def _example(found: Example) -> dict[str, Any]:
    breach = found.breach
    return {
        "eventId": str(found.event_id),
        "ts": wire(found.ts),
        "field": breach.field if breach else None,
        "message": breach.message if breach else None,
    }


def _object(body: Any, *known: str) -> dict[str, Any]:
    """Return a body that is an object with no other names than these. Raises BadQuestion."""
    if not isinstance(body, dict):
        raise BadQuestion("The body must be a JSON object.", field="body")
    for name in body:
        if name not in known:
            raise BadQuestion(f"There is no such field; known are {', '.join(known)}.", field=name[:100])
    return body


def _mode(kind: type[M], body: dict[str, Any], field: str) -> M:
    try:
        return kind(str(body.get(field)))
    except ValueError:
        allowed = ", ".join(mode.value for mode in kind)
        raise BadQuestion(f"`{field}` must be one of {allowed}.", field=field) from None
