"""/api/plan: what a project has agreed to send. A read key or a member reads it, an admin changes it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway.schema import errors, query
from events.models import PlannedType
from events.plan import services
from events.plan.modes import Mode, Unlisted
from events.plan.selectors import current_plan, violations_by_type
from events.roles import Role
from metrics.api.membership import BODY_ERRORS, PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.parsers import object_of
from metrics.api.times import wire
from metrics.api.violations import RANGE, counts, hours_of, violations_of
from metrics.errors import BadQuestion
from metrics.language.params import check_texts, one

_ONE = query("type", "Only this type: for types that an address cannot hold.")
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
M = TypeVar("M", Mode, Unlisted)


class _PlanView(MemberOrKeyView):
    change_role = Role.ADMIN

    def put_type(self, type: str) -> Response:
        """Give the type the schema and the mode of the body, in place of what it had."""
        check_texts({"type": [type]})
        body = object_of(self.request.data, "mode", "schema")
        row = services.put_type(
            project_id=self.project_id(),
            type=type,
            mode=_mode(Mode, body, "mode"),
            schema=body.get("schema"),
            by=str(self.request.user),
        )
        return Response(_planned(row))

    def delete_type(self, type: str) -> Response:
        """Take the type out of the plan. Raises Http404."""
        check_texts({"type": [type]})
        if not services.delete_type(project_id=self.project_id(), type=type, by=str(self.request.user)):
            raise Http404("The plan does not name this type.")
        return Response(status=204)


class PlanView(_PlanView):
    """A project's plan as a whole, or one type of it."""

    @extend_schema(
        operation_id="plan",
        parameters=[_ONE, RANGE, PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """Return the plan, and which types broke it in the range; of one type, also when and with which events."""
        params, project_id = self.params("type", "range"), self.project_id()
        (start, end), type = hours_of(params), one(params, "type")
        plan = current_plan(project_id)
        types = PlannedType.objects.filter(project_id=project_id).order_by("type")
        if type is None:
            broke = violations_by_type(project_id=project_id, start=start, end=end)
            violations = [{"type": one_.of} | counts(one_) for one_ in broke]
        else:
            types = types.filter(type=type)
            violations = [violations_of(type, project_id=project_id, start=start, end=end)]
        return Response(
            {
                "version": plan.version if plan else 0,
                "unlisted": plan.unlisted if plan else Unlisted.ALLOW,
                "types": [_planned(row) for row in types],
                "range": {"from": wire(start), "to": wire(end)},
                "violations": violations,
            }
        )

    @extend_schema(
        operation_id="change_plan",
        request={"application/json": {"oneOf": [_UNLISTED, _TYPE]}},
        parameters=[_ONE, PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS)},
    )
    def put(self, request: Request) -> Response:
        """Say what is done about types that the plan does not name; with `type`, about that type."""
        if (type := one(self.params("type"), "type")) is not None:
            return self.put_type(type)
        mode = _mode(Unlisted, object_of(request.data, "unlisted"), "unlisted")
        services.set_unlisted(project_id=self.project_id(), unlisted=mode, by=str(request.user))
        return Response({"unlisted": mode})

    @extend_schema(
        operation_id="delete_type_of_plan",
        parameters=[query("type", "The type.", required=True), PROJECT],
        responses={204: None, **errors(*READ_ERRORS)},
    )
    def delete(self, request: Request) -> Response:
        """Take one type out of the plan; never all of it."""
        if (type := one(self.params("type"), "type")) is None:
            raise BadQuestion("`type` must say which type.", field="type")
        return self.delete_type(type)


class PlanTypeView(_PlanView):
    """What the plan says of one type."""

    @extend_schema(
        operation_id="planned_type",
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request, type: str) -> Response:
        """Return the type's mode and schema."""
        check_texts({"type": [type]})
        found = PlannedType.objects.filter(project_id=self.project_id(), type=type).first()
        if found is None:
            raise Http404("The plan does not name this type.")
        return Response(_planned(found))

    @extend_schema(
        operation_id="plan_type",
        request={"application/json": _TYPE},
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS)},
    )
    def put(self, request: Request, type: str) -> Response:
        """Give the type a schema and a mode, in place of what it had."""
        return self.put_type(type)

    @extend_schema(
        operation_id="delete_planned_type",
        parameters=[PROJECT],
        responses={204: None, **errors(*READ_ERRORS)},
    )
    def delete(self, request: Request, type: str) -> Response:
        """Take the type out of the plan."""
        return self.delete_type(type)


def _planned(row: PlannedType) -> dict[str, Any]:
    return {
        "type": row.type,
        "mode": row.mode,
        "schema": json.loads(row.schema),
        "updatedAt": wire(row.updated_at),
        "updatedBy": row.updated_by,
    }


def _mode(kind: type[M], body: dict[str, Any], field: str) -> M:
    try:
        return kind(str(body.get(field)))
    except ValueError:
        allowed = ", ".join(mode.value for mode in kind)
        raise BadQuestion(f"`{field}` must be one of {allowed}.", field=field) from None
