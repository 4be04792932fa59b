"""GET /api/catalogue: which types and properties arrive."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway.schema import errors, query
from metrics.api.membership import PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.times import wire
from metrics.catalogue import services
from metrics.catalogue.drafts import draft_schema
from metrics.catalogue.selectors import ObservedProperty, ObservedType, Properties, find_type, list_types
from metrics.language.params import check_alone, one, parse_limit

#: What is noted of a project, and no more.
_BOUNDS = {
    "types": services.MOST_TYPES,
    "propertiesOfAType": services.MOST_PROPERTIES,
    "rows": services.MOST_ROWS,
}


class CatalogueView(MemberOrKeyView):
    """Lists the types of a project's events."""

    @extend_schema(
        operation_id="catalogue",
        parameters=[
            query("limit", "Types listed: 1 to 1000, default 100; those that came most often."),
            query("type", "Only this type, with its properties: for types that an address cannot hold."),
            PROJECT,
        ],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """List types by how often they came."""
        params, project_id = self.params("limit", "type"), self.project_id()
        limit = parse_limit(one(params, "limit"), default=100, most=1000)
        listed = list_types(project_id=project_id, limit=limit)
        types = [_type(one_) for one_ in listed.types]
        if (wanted := one(params, "type")) is not None:
            check_alone(params, "type")
            found = find_type(project_id=project_id, type=wanted)
            types = [_described(*found)] if found else []
        return Response(
            {"types": types, "total": listed.total, "otherEvents": listed.others, "bounds": _BOUNDS}
        )


class CatalogueTypeView(MemberOrKeyView):
    """Reads one type of a project's events."""

    @extend_schema(
        operation_id="catalogue_type",
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request, type: str) -> Response:
        """Return a type with its properties, and a schema that fits them."""
        self.params()
        project_id = self.project_id()
        found = None if "\0" in type else find_type(project_id=project_id, type=type)
        if found is None:
            raise Http404("No event of this type ever came.")
        return Response(_described(*found) | {"bounds": _BOUNDS})


def _described(observed: ObservedType, properties: Properties) -> dict[str, Any]:
    """Return a type with its properties."""
    return {
        **_type(observed),
        "observedEvents": properties.events,
        "properties": [_property(one_) for one_ in properties.observed],
        "otherProperties": properties.others,
        "schema": draft_schema(properties),
    }


def _type(one_: ObservedType) -> dict[str, Any]:
    return {
        "type": one_.type,
        "firstSeen": wire(one_.first_seen),
        "lastSeen": wire(one_.last_seen),
        "events": one_.events,
    }


def _property(one_: ObservedProperty) -> dict[str, Any]:
    return {
        "name": one_.name,
        "firstSeen": wire(one_.first_seen),
        "lastSeen": wire(one_.last_seen),
        "events": one_.events,
        "estimated": one_.estimated,
        "kinds": one_.kinds,
    }
