"""Reads what arrives: the types of a project, and the properties of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import psycopg

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor

SQL = sqlfile.load(__file__, "selectors.sql")


@dataclass(frozen=True, slots=True)
class ObservedType:
    """A type of event: how often it came, exactly, and when first and last, to the minute."""

    type: str
    first_seen: datetime
    last_seen: datetime
    events: int


@dataclass(frozen=True, slots=True)
class ObservedProperty:
    """A property of a type: `kinds` counts events by the kind of its value.

    Where `estimated`, only some events were looked at: a kind may be missing, and counts are multiples of the sample.
    """

    name: str
    first_seen: datetime
    last_seen: datetime
    kinds: Mapping[str, int]
    estimated: bool

    @property
    def events(self) -> int:
        """Return how many events have it."""
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Properties:
    """What was observed of a type: `events` is how many events the counts are of.

    `others` counts the properties of events that had no room here. `estimated`: only some events were looked at.
    """

    events: int
    observed: Sequence[ObservedProperty]
    others: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Types:
    """The types of a project that came most often, and how many types there are.

    `others` counts events of types that had no room in the catalogue: their properties are not noted.
    """

    types: Sequence[ObservedType]
    total: int
    others: int


def list_types(*, project_id: int, limit: int) -> Types:
    """Return the types that came most often."""
    params = {"project_id": project_id, "type": None, "limit": limit}
    with bounded_cursor() as cursor:
        rows = cursor.execute(SQL["types"], params).fetchall()
        ((others,),) = cursor.execute(SQL["others"], params).fetchall()
    return Types([ObservedType(*row) for *row, _ in rows], rows[0][-1] if rows else 0, others)


def find_type(*, project_id: int, type: str) -> tuple[ObservedType, Properties] | None:
    """Return a type and its properties, by name; None where no event of the type ever came."""
    params = {"project_id": project_id, "type": type, "limit": 1}
    with bounded_cursor() as cursor:
        rows = cursor.execute(SQL["types"], params).fetchall()
        properties = cursor.execute(SQL["properties"], params).fetchall()
    return (ObservedType(*rows[0][:-1]), _properties(properties)) if rows else None


def _properties(rows: Sequence[psycopg.rows.TupleRow]) -> Properties:
    """Read rows of (name, kind, first seen, last seen, events, sampled), in the order of their names."""
    counts = {kind: events for name, kind, _, _, events, _ in rows if kind in ("event", "other")}
    named = [row for row in rows if row[1] not in ("event", "other")]
    observed = [_property(name, list(group)) for name, group in groupby(named, key=lambda row: row[0])]
    estimated = any(sampled for *_, sampled in rows)
    return Properties(counts.get("event", 0), observed, counts.get("other", 0), estimated)


def _property(name: str, rows: Sequence[psycopg.rows.TupleRow]) -> ObservedProperty:
    return ObservedProperty(
        name=name,
        first_seen=min(row[2] for row in rows),
        last_seen=max(row[3] for row in rows),
        kinds={kind: events for _, kind, _, _, events, _ in rows},
        estimated=any(row[5] for row in rows),
    )
