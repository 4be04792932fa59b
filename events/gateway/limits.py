"""The limits that an event must keep, read from the settings once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request and on one event; sizes in bytes, times in seconds."""

    request_bytes: int
    inflated_bytes: int
    events: int
    event_bytes: int
    depth: int
    keys: int
    key_bytes: int
    max_age: timedelta
    max_ahead: timedelta
    type_length: int = 200
    user_length: int = 255
    id_length: int = 200


@cache
def limits() -> Limits:
    """Return the limits of this installation."""
    return Limits(
        request_bytes=settings.MAX_REQUEST_BYTES,
        inflated_bytes=settings.MAX_INFLATED_BYTES,
        events=settings.MAX_EVENTS_PER_REQUEST,
        event_bytes=settings.MAX_EVENT_BYTES,
        depth=settings.MAX_PROPS_DEPTH,
        keys=settings.MAX_PROPS_KEYS,
        key_bytes=settings.MAX_KEY_BYTES,
        max_age=timedelta(days=settings.MAX_AGE_DAYS),
        max_ahead=timedelta(seconds=settings.MAX_AHEAD_SECONDS),
    )
