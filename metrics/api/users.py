"""GET /api/users: people with their ids, traits and figures."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from events.gateway.schema import errors, query
from metrics.api.membership import PROJECT, READ_ERRORS, MemberOrKeyView
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.language.filters import Filter, parse_filter
from metrics.language.params import check_alone, one, parse_limit
from metrics.people.selectors import Profile, profile_of
from metrics.query.listing import list_people
from metrics.segments.selectors import segment_named

_MOST, _MOST_TRAITS = 100, 20


class PeopleView(MemberOrKeyView):
    """Lists the people of a project."""

    @extend_schema(
        operation_id="users",
        parameters=[
            query("userId", "Only the person with this id: for ids that an address cannot hold."),
            query("trait", "NAME:OP:VALUE, like plan:eq:pro; as `filter`, of a trait.", many=True),
            query("segment", "Only people in this segment."),
            query("cursor", "The `nextCursor` of the page before."),
            query("limit", "People a page: 1 to 100, default 50."),
            PROJECT,
        ],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request) -> Response:
        """List people by their user id."""
        params = self.params("userId", "trait", "segment", "cursor", "limit")
        project_id, segment = self.project_id(), one(params, "segment")
        if (user_id := one(params, "userId")) is not None:
            check_alone(params, "userId")
            found = profile_of(project_id=project_id, user_id=user_id)
            return Response({"users": [_person(found)] if found else [], "nextCursor": None})
        page = list_people(
            project_id=project_id,
            traits=parse_traits(params.get("trait", [])),
            segment=segment_named(project_id=project_id, name=segment) if segment else None,
            now=clock.now(),
            cursor=one(params, "cursor"),
            limit=parse_limit(one(params, "limit"), default=50, most=_MOST),
        )
        return Response({"users": [_person(found) for found in page.items], "nextCursor": page.next_cursor})


class PersonView(MemberOrKeyView):
    """Reads one person."""

    @extend_schema(
        operation_id="user",
        parameters=[PROJECT],
        responses={200: {"type": "object"}, **errors(*READ_ERRORS)},
    )
    def get(self, request: Request, user_id: str) -> Response:
        """Return the person with this id, whichever of the person's ids it is."""
        self.params()
        project_id = self.project_id()
        found = None if "\0" in user_id else profile_of(project_id=project_id, user_id=user_id)
        if found is None:
            raise Http404("There is no such user.")
        return Response(_person(found))


def parse_traits(texts: list[str]) -> list[Filter]:
    """Read conditions on traits. Raises BadQuestion."""
    if len(texts) > _MOST_TRAITS:
        raise BadQuestion(f"At most {_MOST_TRAITS} traits may be given.", field="trait")
    try:
        return [parse_filter(f"props.{text}") for text in texts]
    except BadQuestion:
        raise BadQuestion("`trait` must be like plan:eq:pro; see `filter`.", field="trait") from None


def _person(person: Profile) -> dict[str, Any]:
    return {
        "userId": person.user_id,
        "ids": person.ids,
        "firstSeen": wire(person.first_seen) if person.first_seen else None,
        "lastSeen": wire(person.last_seen) if person.last_seen else None,
        "events": person.events,
        "sessions": person.sessions,
        "traits": {
            name: {"value": trait.value, "at": wire(trait.at)} for name, trait in person.traits.items()
        },
    }
