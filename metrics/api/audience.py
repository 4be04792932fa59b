"""/api/segments/{name}/size and /users, and the preview: how many people are in a segment, and who they are."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from events.gateway.schema import errors, query
from metrics.api.answers import ANSWERS, answered
from metrics.api.membership import BODY_ERRORS, PROJECT, READ_ERRORS
from metrics.api.parsers import CsvBytes, StrictJson, object_of
from metrics.api.segments import CHANGED, CURSOR, IDS, MOST, SegmentsBase
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.language.params import one, parse_limit
from metrics.query.audience import KEPT_SECONDS, Audience, Size, export, people_in, size_of
from metrics.segments import services
from metrics.segments.lists import users_of_csv, users_of_json
from metrics.segments.reading import read_rules
from metrics.segments.selectors import rules_of

_LIST = {
    "application/json": {"oneOf": [IDS, {"type": "object", "properties": {"users": IDS}}]},
    "text/csv": str,
}


class _AudienceView(SegmentsBase):
    def audience(self, name: str) -> Audience:
        """Return who is in the segment that the address names. Raises Http404."""
        saved = self.saved(name)
        return Audience.at(clock.now(), project_id=saved.project_id, rules=rules_of(saved))


class PreviewView(SegmentsBase):
    """Sizes rules that nobody saved."""

    only_asks = True

    @extend_schema(
        operation_id="preview_segment",
        request={"application/json": CHANGED},
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS)},
    )
    def post(self, request: Request) -> Response:
        """Return how many people meet the rules."""
        rules = read_rules(object_of(request.data, "rules").get("rules"))
        return Response(_size(size_of(Audience.at(clock.now(), project_id=self.project_id(), rules=rules))))


class SizeView(_AudienceView):
    """How many people are in a segment."""

    @extend_schema(
        operation_id="segment_size",
        parameters=[PROJECT],
        responses=ANSWERS | errors(*READ_ERRORS),
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the size."""
        return answered(request, _size(size_of(self.audience(name))), seconds=KEPT_SECONDS)


class UsersView(_AudienceView):
    """Who is in a segment; and what is on its list, where it is one."""

    parser_classes = [StrictJson, CsvBytes]

    @extend_schema(
        operation_id="segment_users",
        parameters=[
            query("limit", "People a page: 1 to 1000, default 100."),
            CURSOR,
            query("format", "csv: all of them as a file; as with `Accept: text/csv`. Default json."),
            PROJECT,
        ],
        responses={
            (200, "application/json"): {"type": "object"},
            (200, "text/csv"): OpenApiResponse(str),
            **errors(*READ_ERRORS),
        },
    )
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Return people by their ids."""
        params = self.texts()
        limit = parse_limit(one(params, "limit"), default=100, most=MOST)
        audience, cursor = self.audience(name), one(params, "cursor")
        if _wants_csv(request, one(params, "format")):
            return _file(audience, name)
        page = people_in(audience, cursor=cursor, limit=limit)
        users = [{"userId": user} for user in page.users]
        return Response({"users": users, "nextCursor": page.next_cursor, "asOf": wire(page.as_of)})

    @extend_schema(
        operation_id="replace_segment_users",
        request=_LIST,
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS)},
    )
    def put(self, request: Request, name: str) -> Response:
        """Replace the list."""
        return self._listed(request, name, anew=True)

    @extend_schema(
        operation_id="add_segment_users",
        request=_LIST,
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*BODY_ERRORS)},
    )
    def post(self, request: Request, name: str) -> Response:
        """Add to the list."""
        return self._listed(request, name, anew=False)

    def _listed(self, request: Request, name: str, *, anew: bool) -> Response:
        body: object = request.data
        users = users_of_csv(body) if isinstance(body, bytes) else users_of_json(body)
        count = services.list_users(
            project_id=self.project_id(), name=name, users=users, anew=anew, by=str(request.user)
        )
        return Response({"listed": count})


def _size(size: Size) -> dict[str, Any]:
    return {"size": size.people, "asOf": wire(size.as_of), "cached": size.cached}


def _file(audience: Audience, name: str) -> FileResponse:
    kind = "text/csv; charset=utf-8"
    return FileResponse(export(audience), as_attachment=True, filename=f"{name}.csv", content_type=kind)


def _wants_csv(request: Request, form: str | None) -> bool:
    if form not in (None, "json", "csv"):
        raise BadQuestion("`format` must be json or csv.", field="format")
    return form == "csv" or (form is None and "text/csv" in request.META.get("HTTP_ACCEPT", ""))
