"""Where to read who was seen in a time: whole days and hours in the rollups, the ragged ends in the raw events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metrics.rollups.definitions import USERS_1D, USERS_1H
from metrics.rollups.spans import ceiling, floor


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a time, the relation to read it from, and that one's column of time."""

    relation: str
    column: str
    start: datetime
    end: datetime


def cover(start: datetime, end: datetime) -> list[Part]:
    """Return parts that make up start <= t < end and do not overlap."""
    first_hour, last_hour = ceiling(start, USERS_1H.grain), floor(end, USERS_1H.grain)
    if first_hour >= last_hour:
        return [Part("event", "ts", start, end)]
    first_day, last_day = ceiling(start, USERS_1D.grain), floor(end, USERS_1D.grain)
    if first_day >= last_day:
        first_day = last_day = last_hour
    parts = (
        Part("event", "ts", start, first_hour),
        Part(USERS_1H.relation, "bucket", first_hour, first_day),
        Part(USERS_1D.relation, "bucket", first_day, last_day),
        Part(USERS_1H.relation, "bucket", last_day, last_hour),
        Part("event", "ts", last_hour, end),
    )
    return [part for part in parts if part.start < part.end]
