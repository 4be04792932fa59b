"""GET /api/events: stored events, newest first, or one by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from config.lib import clock
from events.gateway.ids import event_id
from events.selectors import StoredEvent, get_event, list_events
from metrics.api.times import UTC, wire
from metrics.errors import BadQuestion
from metrics.language.params import Params, check_texts, one, parse_limit
from metrics.language.ranges import parse_range, parse_zone
from metrics.people.selectors import person_ids

_MOST = 1000


def list_answer(project_id: int, params: Params) -> dict[str, Any]:
    """Return the answer to a list request. Raises BadQuestion or BadCursor."""
    check_texts(params)
    if (wanted := one(params, "eventId")) is not None:
        found = get_event(project_id=project_id, event_id=stored_id(wanted))
        return {"events": [as_json(found)] if found else [], "nextCursor": None}
    tz = parse_zone(one(params, "tz") or UTC.key)
    start, end = parse_range(one(params, "range") or "24h", tz, clock.now())
    page = list_events(
        project_id=project_id,
        user_ids=ids_asked_for(project_id, params),
        type=one(params, "type"),
        start=start,
        end=end,
        cursor=one(params, "cursor"),
        limit=parse_limit(one(params, "limit"), default=100, most=_MOST),
    )
    return {"events": [as_json(event) for event in page.items], "nextCursor": page.next_cursor}


def ids_asked_for(project_id: int, params: Params) -> Sequence[str] | None:
    """Return all ids of the person whom `userId` names; None where it names nobody."""
    user_id = one(params, "userId")
    return None if user_id is None else person_ids(project_id=project_id, user_id=user_id)


def as_json(event: StoredEvent) -> dict[str, Any]:
    """Return an event as the wire has it."""
    return {
        "eventId": str(event.event_id),
        "ts": wire(event.ts),
        "receivedAt": wire(event.received_at),
        "type": event.type,
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "props": event.props,
        "sanitised": bool(event.flags & 1),
    }


def stored_id(text: str) -> UUID:
    """Return the stored id of a client's id."""
    check_texts({"eventId": [text]})
    if not text or len(text) > 200:
        raise BadQuestion("`eventId` has 1 to 200 characters.", field="eventId")
    return UUID(event_id(text, max_length=200))
