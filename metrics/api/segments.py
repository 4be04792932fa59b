"""/api/segments: a read key or a member reads who is in them, a member makes and changes them."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway.schema import errors, query
from metrics.api.membership import BODY_ERRORS, PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.parsers import object_of
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.language.params import one, parse_limit
from metrics.models import Segment as Saved
from metrics.segments import services
from metrics.segments.lists import users_of_json
from metrics.segments.reading import read_rules
from metrics.segments.selectors import find, list_segments

MOST = 1000
CURSOR = query("cursor", "The `nextCursor` of the page before.")
_RULES = {"type": "object", "additionalProperties": True}
IDS = {"type": "array", "items": {"type": "string"}}
_NEW = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": list(Saved.Kind.values)},
        "rules": _RULES,
        "users": IDS,
    },
}
CHANGED = {"type": "object", "required": ["rules"], "properties": {"rules": _RULES}}


class SegmentsBase(MemberOrKeyView):
    """What the addresses of segments share."""

    def saved(self, name: str) -> Saved:
        """Return the segment that the address names. Raises Http404."""
        if (found := find(project_id=self.project_id(), name=name)) is None:
            raise Http404("There is no such segment.")
        return found

    def handle_exception(self, exc: Exception) -> Response:
        """Answer errors; what a change did not find is a 404."""
        return super().handle_exception(Http404() if isinstance(exc, services.NotFound) else exc)


class SegmentsView(SegmentsBase):
    """Lists a project's segments and makes new ones."""

    @extend_schema(
        operation_id="segments",
        parameters=[query("limit", "Segments a page: 1 to 1000, default 100."), CURSOR, PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """Return the segments by name."""
        params = self.texts()
        limit = parse_limit(one(params, "limit"), default=100, most=MOST)
        page = list_segments(project_id=self.project_id(), cursor=one(params, "cursor"), limit=limit)
        return Response(
            {"segments": [as_json(saved) for saved in page.items], "nextCursor": page.next_cursor}
        )

    @extend_schema(
        operation_id="create_segment",
        request={"application/json": _NEW},
        parameters=[PROJECT],
        responses={201: {"type": "object"}, **errors(*BODY_ERRORS, 409)},
    )
    def post(self, request: Request) -> Response:
        """Save a segment by rules, or a list of users."""
        body = object_of(request.data, "name", "kind", "rules", "users")
        is_list = _kind(body) == Saved.Kind.STATIC
        saved = services.create_segment(
            project_id=self.project_id(),
            name=body.get("name", ""),
            by=str(request.user),
            rules=None if is_list else read_rules(body.get("rules")),
            users=users_of_json(body.get("users", [])) if is_list else (),
        )
        return Response(as_json(saved), status=201)


class SegmentView(SegmentsBase):
    """One segment."""

    @extend_schema(
        operation_id="segment",
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS, 405)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the segment and its rules."""
        return Response(as_json(self.saved(name)))

    @extend_schema(
        operation_id="change_segment",
        request={"application/json": CHANGED},
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS, 405)},
    )
    def put(self, request: Request, name: str) -> Response:
        """Give the segment other rules."""
        rules = read_rules(object_of(request.data, "rules").get("rules"))
        changed = services.change_rules(
            project_id=self.project_id(), name=name, rules=rules, by=str(request.user)
        )
        return Response(as_json(changed))

    @extend_schema(
        operation_id="delete_segment",
        parameters=[PROJECT],
        responses={204: None, **errors(*READ_ERRORS, 405)},
    )
    def delete(self, request: Request, name: str) -> Response:
        """Delete the segment."""
        services.delete_segment(project_id=self.project_id(), name=name, by=str(request.user))
        return Response(status=204)


def as_json(saved: Saved) -> dict[str, Any]:
    """Return a segment as the wire has it."""
    return {
        "name": saved.name,
        "kind": saved.kind,
        "rules": saved.rules,
        "createdBy": saved.created_by,
        "createdAt": wire(saved.created_at),
        "updatedAt": wire(saved.updated_at),
    }


def _kind(body: dict[str, Any]) -> str:
    """Return whether the new segment goes by rules or is a list; what is not said follows from what is given."""
    kind = body.get(
        "kind", Saved.Kind.STATIC if "users" in body and "rules" not in body else Saved.Kind.RULES
    )
    if kind not in Saved.Kind.values:
        raise BadQuestion(f"`kind` must be one of {', '.join(Saved.Kind.values)}.", field="kind")
    for name, of in (("rules", Saved.Kind.RULES), ("users", Saved.Kind.STATIC)):
        if name in body and kind != of:
            raise BadQuestion(f"A segment of the kind {kind} has no `{name}`.", field=name)
    return str(kind)
