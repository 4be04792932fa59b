"""GET /api/catalogue: which types and properties arrive."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway.schema import errors, query
from metrics.api.membership import MemberOrKeyView
from metrics.api.times import wire
from metrics.catalogue import services
from metrics.catalogue.drafts import draft_schema
from metrics.catalogue.selectors import ObservedProperty, ObservedType, find_type, list_types
from metrics.language.params import check_known, check_texts, one, parse_limit

#: What is noted of a project, and no more.
_BOUNDS = {
    "types": services.MOST_TYPES,
    "propertiesOfAType": services.MOST_PROPERTIES,
    "rows": services.MOST_ROWS,
}
_PROJECT = query("project", "The project's slug, for logged-in members of several projects.")


class CatalogueView(MemberOrKeyView):
    """Lists the types of a project's events."""

    @extend_schema(
        operation_id="catalogue",
        parameters=[
            query("limit", "Types listed: 1 to 1000, default 100; those that came most often."),
            _PROJECT,
        ],
        responses={200: {"type": "object"}, **errors(400, 401, 403, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """List types by how often they came."""
        params = _params(request, "limit")
        limit = parse_limit(one(params, "limit"), default=100, most=1000)
        found = list_types(project_id=self.project_id(), limit=limit)
        return Response(
            {
                "types": [_type(one_) for one_ in found.types],
                "total": found.total,
                "otherEvents": found.others,
                "bounds": _BOUNDS,
            }
        )


class CatalogueTypeView(MemberOrKeyView):
    """Reads one type of a project's events."""

    @extend_schema(
        operation_id="catalogue_type",
        parameters=[_PROJECT],
        responses={200: {"type": "object"}, **errors(400, 401, 403, 404, 503)},
    )
    def get(self, request: Request, type: str) -> Response:
        """Return a type with its properties, and a schema that fits them."""
        _params(request)
        project_id = self.project_id()
        found = None if "\0" in type else find_type(project_id=project_id, type=type)
        if found is None:
            raise Http404("No event of this type ever came.")
        observed, properties = found
        return Response(
            {
                **_type(observed),
                "observedEvents": properties.events,
                "properties": [_property(one_) for one_ in properties.observed],
                "otherProperties": properties.others,
                "bounds": _BOUNDS,
                "schema": draft_schema(properties),
            }
        )


def _params(request: Request, *names: str) -> dict[str, list[str]]:
    """Return the parameters, of which only these are known. Raises BadQuestion."""
    params = {name: [str(value) for value in values] for name, values in request.GET.lists()}
    check_texts(params)
    check_known(params, (*names, "project"))
    return params


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
