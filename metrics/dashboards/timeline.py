"""Events and sessions as the pages list them: formatted, linked, and never trusted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.dateformat import format as date_format

from events.selectors import StoredEvent
from metrics.dashboards import figures
from metrics.dashboards.links import user_url
from metrics.people.selectors import Profile, Trait
from sessions.selectors import Session

#: As the templates show moments.
_MOMENT = "j M Y, H:i:s"


@dataclass(frozen=True)
class EventLine:
    """One event of a timeline; `props` are (name, value as JSON) pairs."""

    event_id: str
    ts: datetime
    type: str
    props: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SessionLine:
    """One session of a list, with the links it needs."""

    start: datetime
    end: datetime
    user_id: str
    duration: str
    events: str
    entry: str
    exit: str
    url: str
    user_url: str


def event_lines(events: Iterable[StoredEvent]) -> list[EventLine]:
    """Return `events` as lines, in their order."""
    return [
        EventLine(
            event_id=str(event.event_id),
            ts=event.ts,
            type=event.type,
            props=tuple((name, _shown(value)) for name, value in event.props.items()),
        )
        for event in events
    ]


def fact_lines(person: Profile) -> list[tuple[str, str]]:
    """Return what a person's sessions say of him as (name, value) pairs; nothing before the first was made."""
    if person.first_seen is None or person.last_seen is None:
        return []
    return [
        ("First seen (UTC)", date_format(person.first_seen, _MOMENT)),
        ("Last seen (UTC)", date_format(person.last_seen, _MOMENT)),
        ("Sessions", figures.full(person.sessions)),
        ("Events", figures.full(person.events)),
    ]


def trait_lines(traits: Mapping[str, Trait]) -> list[tuple[str, str]]:
    """Return a person's traits as (name, value) pairs, by name."""
    return [(name, _shown(trait.value)) for name, trait in sorted(traits.items())]


def session_line(slug: str, session: Session) -> SessionLine:
    """Return one session of the project `slug` as a line."""
    return SessionLine(
        start=session.start,
        end=session.end,
        user_id=session.user_id,
        duration=figures.duration(session.duration_seconds),
        events=figures.full(session.events),
        entry=session.entry,
        exit=session.exit,
        url=reverse("session", args=[slug, session.session_id]),
        user_url=user_url(slug, session.user_id),
    )


def _shown(value: Any) -> str:
    """Return a property's value: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
