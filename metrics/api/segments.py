"""/api/segments: a read key or a member reads who is in them, a member makes and changes them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from events import audit
from events.gateway.auth import ReadKeyAuthentication
from events.gateway.schema import errors, query
from events.roles import Role
from metrics.api.answers import answered
from metrics.api.membership import MemberOrKeyView
from metrics.api.parsers import CsvBytes, StrictJson
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.language.params import check_texts, one, parse_limit
from metrics.models import Segment as Saved
from metrics.query.audience import KEPT_SECONDS, Audience, Size, export, people_in, size_of
from metrics.segments import services
from metrics.segments.lists import users_of_csv, users_of_json
from metrics.segments.reading import read_rules
from metrics.segments.selectors import find, list_segments, rules_of

_MOST = 1000
_PROJECT = query("project", "The project's slug, for logged-in members of several projects.")
_CURSOR = query("cursor", "The `nextCursor` of the page before.")
_RULES = {"type": "object", "additionalProperties": True}
_IDS = {"type": "array", "items": {"type": "string"}}
_NEW = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": list(Saved.Kind.values)},
        "rules": _RULES,
        "users": _IDS,
    },
}
_CHANGED = {"type": "object", "required": ["rules"], "properties": {"rules": _RULES}}
_LIST = {
    "application/json": {"oneOf": [_IDS, {"type": "object", "properties": {"users": _IDS}}]},
    "text/csv": str,
}
_BODY_ERRORS = (400, 401, 403, 404, 408, 413, 415, 503)


class _SegmentsView(MemberOrKeyView):
    parser_classes = [StrictJson]

    def params(self) -> dict[str, list[str]]:
        """Return the parameters of the address, which hold nothing but text."""
        params = {name: [str(value) for value in values] for name, values in self.request.GET.lists()}
        check_texts(params)
        return params

    def saved(self, name: str) -> Saved:
        """Return the segment that the address names. Raises Http404."""
        if (found := find(project_id=self.project_id(), name=name)) is None:
            raise Http404("There is no such segment.")
        return found

    def audience(self, name: str) -> Audience:
        """Return who is in the segment that the address names. Raises Http404."""
        saved = self.saved(name)
        return Audience.at(clock.now(), project_id=saved.project_id, rules=rules_of(saved))

    def handle_exception(self, exc: Exception) -> Response:
        """Answer errors; what a change did not find is a 404."""
        return super().handle_exception(Http404() if isinstance(exc, services.NotFound) else exc)


class SegmentsView(_SegmentsView):
    """Lists a project's segments and makes new ones."""

    @extend_schema(
        operation_id="segments",
        parameters=[query("limit", "Segments a page: 1 to 1000, default 100."), _CURSOR, _PROJECT],
        responses={200: {"type": "object"}, **errors(400, 401, 403, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return the segments by name."""
        params = self.params()
        limit = parse_limit(one(params, "limit"), default=100, most=_MOST)
        page = list_segments(project_id=self.project_id(), cursor=one(params, "cursor"), limit=limit)
        return Response(
            {"segments": [as_json(saved) for saved in page.items], "nextCursor": page.next_cursor}
        )

    @extend_schema(
        operation_id="create_segment",
        request={"application/json": _NEW},
        parameters=[_PROJECT],
        responses={201: {"type": "object"}, **errors(*_BODY_ERRORS, 409)},
    )
    def post(self, request: Request) -> Response:
        """Save a segment by rules, or a list of users."""
        body = _object(request.data, "name", "kind", "rules", "users")
        is_list = _kind(body) == Saved.Kind.STATIC
        saved = services.create_segment(
            project_id=self.project_id(),
            name=body.get("name", ""),
            by=str(request.user),
            rules=None if is_list else read_rules(body.get("rules")),
            users=users_of_json(body.get("users", [])) if is_list else (),
        )
        return Response(as_json(saved), status=201)


class SegmentView(_SegmentsView):
    """One segment."""

    @extend_schema(
        operation_id="segment",
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(400, 401, 403, 404, 405, 503)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the segment and its rules."""
        return Response(as_json(self.saved(name)))

    @extend_schema(
        operation_id="change_segment",
        request={"application/json": _CHANGED},
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_BODY_ERRORS, 405)},
    )
    def put(self, request: Request, name: str) -> Response:
        """Give the segment other rules."""
        rules = read_rules(_object(request.data, "rules").get("rules"))
        return Response(as_json(services.change_rules(project_id=self.project_id(), name=name, rules=rules)))

    @extend_schema(
        operation_id="delete_segment",
        parameters=[_PROJECT],
        responses={204: None, **errors(400, 401, 403, 404, 405, 503)},
    )
    def delete(self, request: Request, name: str) -> Response:
        """Delete the segment."""
        project_id = self.project_id()
        services.delete_segment(project_id=project_id, name=name)
        audit.record(by=str(request.user), action="segment.remove", project_id=project_id, target=name)
        return Response(status=204)


class PreviewView(_SegmentsView):
    """Sizes rules that nobody saved: a viewer may, for nothing is changed."""

    change_role = Role.VIEWER

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Let those in who may read: nothing is changed."""
        if self.request and settings.SESSION_COOKIE_NAME in self.request.COOKIES:
            return [SessionAuthentication()]
        return [ReadKeyAuthentication()]

    @extend_schema(
        operation_id="preview_segment",
        request={"application/json": _CHANGED},
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_BODY_ERRORS)},
    )
    def post(self, request: Request) -> Response:
        """Return how many people meet the rules."""
        rules = read_rules(_object(request.data, "rules").get("rules"))
        return Response(_size(size_of(Audience.at(clock.now(), project_id=self.project_id(), rules=rules))))


class SizeView(_SegmentsView):
    """How many people are in a segment."""

    @extend_schema(
        operation_id="segment_size",
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, 304: None, **errors(400, 401, 403, 404, 503)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the size."""
        return answered(request, _size(size_of(self.audience(name))), seconds=KEPT_SECONDS)


class UsersView(_SegmentsView):
    """Who is in a segment; and what is on its list, where it is one."""

    parser_classes = [StrictJson, CsvBytes]

    @extend_schema(
        operation_id="segment_users",
        parameters=[
            query("limit", "People a page: 1 to 1000, default 100."),
            _CURSOR,
            query("format", "csv: all of them as a file; as with `Accept: text/csv`. Default json."),
            _PROJECT,
        ],
        responses={
            (200, "application/json"): {"type": "object"},
            (200, "text/csv"): OpenApiResponse(str),
            **errors(400, 401, 403, 404, 503),
        },
    )
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Return people by their ids."""
        params = self.params()
        limit = parse_limit(one(params, "limit"), default=100, most=_MOST)
        audience, cursor = self.audience(name), one(params, "cursor")
        if _wants_csv(request, one(params, "format")):
            return _file(audience, name)
        page = people_in(audience, cursor=cursor, limit=limit)
        users = [{"userId": user} for user in page.users]
        return Response({"users": users, "nextCursor": page.next_cursor, "asOf": wire(page.as_of)})

    @extend_schema(
        operation_id="replace_segment_users",
        request=_LIST,
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_BODY_ERRORS)},
    )
    def put(self, request: Request, name: str) -> Response:
        """Replace the list."""
        return self._listed(request, name, anew=True)

    @extend_schema(
        operation_id="add_segment_users",
        request=_LIST,
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(*_BODY_ERRORS)},
    )
    def post(self, request: Request, name: str) -> Response:
        """Add to the list."""
        return self._listed(request, name, anew=False)

    def _listed(self, request: Request, name: str, *, anew: bool) -> Response:
        body: object = request.data
        users = users_of_csv(body) if isinstance(body, bytes) else users_of_json(body)
        count = services.list_users(project_id=self.project_id(), name=name, users=users, anew=anew)
        return Response({"listed": count})


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


def _size(size: Size) -> dict[str, Any]:
    return {"size": size.people, "asOf": wire(size.as_of), "cached": size.cached}


def _file(audience: Audience, name: str) -> FileResponse:
    kind = "text/csv; charset=utf-8"
    return FileResponse(export(audience), as_attachment=True, filename=f"{name}.csv", content_type=kind)


def _wants_csv(request: Request, form: str | None) -> bool:
    if form not in (None, "json", "csv"):
        raise BadQuestion("`format` must be json or csv.", field="format")
    return form == "csv" or (form is None and "text/csv" in request.META.get("HTTP_ACCEPT", ""))


def _object(body: Any, *known: str) -> dict[str, Any]:
    """Return a body that is an object with no other names than these. Raises BadQuestion."""
    if not isinstance(body, dict):
        raise BadQuestion("The body must be a JSON object.", field="body")
    for name in body:
        if name not in known:
            raise BadQuestion(f"There is no such field; known are {', '.join(known)}.", field=name[:100])
    return body


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
