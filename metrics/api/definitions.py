"""/api/definitions: a read key or a member reads which metrics are defined, a member makes and removes them."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway.schema import errors
from metrics.api.membership import BODY_ERRORS, PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.times import wire
from metrics.definitions import services
from metrics.definitions.parse import read_definition
from metrics.definitions.spec import MEASURES
from metrics.models import MetricDefinition

_NEW = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "match": {"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": True}]},
        "measure": {"type": "string", "description": f"{', '.join(MEASURES)}, or like p95"},
        "property": {"type": "string"},
        "percentile": {"type": "integer", "minimum": 1, "maximum": 99},
        "dimensions": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    },
}


class _DefinitionsView(MemberOrKeyView):
    def project_id(self) -> int:
        """Return the project, once the address holds nothing but text."""
        self.texts()
        return super().project_id()


class DefinitionsView(_DefinitionsView):
    """Lists a project's defined metrics and makes new ones."""

    @extend_schema(
        operation_id="definitions",
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """Return the defined metrics by name."""
        found = services.listed(project_id=self.project_id())
        return Response({"definitions": [as_json(one) for one in found]})

    @extend_schema(
        operation_id="create_definition",
        request={"application/json": _NEW},
        parameters=[PROJECT],
        responses={201: {"type": "object"}, **errors(*BODY_ERRORS, 409)},
    )
    def post(self, request: Request) -> Response:
        """Define a metric: it is kept from now on, and computed over history in the background."""
        project_id, wanted = self.project_id(), read_definition(request.data)
        made = services.create(project_id=project_id, wanted=wanted, by=str(request.user))
        return Response(as_json(made), status=201)


class DefinitionView(_DefinitionsView):
    """One defined metric."""

    @extend_schema(
        operation_id="definition",
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS, 405)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the definition, and how far its history is computed."""
        project_id = self.project_id()
        for one in services.listed(project_id=project_id):
            if one.name == name:
                return Response(as_json(one))
        raise Http404("There is no such defined metric.")

    @extend_schema(
        operation_id="delete_definition",
        parameters=[PROJECT],
        responses={204: None, **errors(*READ_ERRORS, 405)},
    )
    def delete(self, request: Request, name: str) -> Response:
        """Stop keeping the metric; its rows go in the background, its name is free at once."""
        project_id, by = self.project_id(), str(request.user)
        if "\x00" in name or not services.give_up(project_id=project_id, name=name, by=by):
            raise Http404("There is no such defined metric.")
        return Response(status=204)


def as_json(one: MetricDefinition) -> dict[str, Any]:
    """Return a definition as the wire has it."""
    return {
        "name": one.name,
        "match": one.match,
        "measure": one.measure,
        "property": f"props.{one.prop}" if one.prop is not None else None,
        "percentile": round(one.quantile * 100) if one.quantile is not None else None,
        "dimensions": one.dimensions,
        "state": one.state,
        "coveredFrom": wire(one.covered_from) if one.covered_from else None,
        "progress": one.progress,
        "rows": one.rows,
        "message": one.message or None,
        "createdBy": one.created_by,
        "createdAt": wire(one.created_at),
    }
