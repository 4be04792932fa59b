"""Reads who people are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor
from metrics.language.people import ids_of

SQL = sqlfile.load(__file__, "selectors.sql")


@dataclass(frozen=True, slots=True)
class Trait:
    """What was said last of a trait, and when."""

    value: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """A person: `ids` begins with the user id that stands for all of them.

    Figures are those of the sessions: seconds behind, and None or 0 where no session was made yet.
    """

    user_id: str
    ids: tuple[str, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    events: int
    sessions: int
    traits: Mapping[str, Trait]


def person_ids(*, project_id: int, user_id: str) -> tuple[str, ...]:
    """Return all ids of the person with this id, the one that stands for the others first. A stranger has one."""
    with bounded_cursor() as cursor:
        return ids_of(cursor, project_id=project_id, user_id=user_id)


def profile_of(*, project_id: int, user_id: str) -> Profile | None:
    """Return the person with this id, or None where nothing is known of him."""
    user = {"project_id": project_id, "user_id": user_id}
    with bounded_cursor() as cursor:
        root, *_ = ids_of(cursor, project_id=project_id, user_id=user_id)
        (found,) = _profiles(cursor, project_id, [root])
        if found.sessions or found.traits or len(found.ids) > 1:
            return found
        row = cursor.execute(SQL["has_events"], user).fetchone()
        return found if row and row[0] else None


def profiles(*, project_id: int, people: Sequence[str]) -> list[Profile]:
    """Return the people whom these user ids stand for, in their order."""
    with bounded_cursor() as cursor:
        return _profiles(cursor, project_id, people)


def _profiles(cursor: psycopg.Cursor[Any], project_id: int, people: Sequence[str]) -> list[Profile]:
    params = {"project_id": project_id, "people": list(people)}
    traits: dict[str, dict[str, Trait]] = {person: {} for person in people}
    for person, name, value, at in cursor.execute(SQL["traits"], params).fetchall():
        traits[person][name] = Trait(json.loads(value), at)
    rows = cursor.execute(SQL["people"], params).fetchall()
    return [
        Profile(person, (person, *aliases), first, last, events, sessions, traits[person])
        for person, aliases, first, last, events, sessions in rows
    ]
