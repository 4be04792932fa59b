"""What every engine's rollups can do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import psycopg

Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True, slots=True)
class Drift:
    """A bucket in which a rollup and the raw events differ."""

    relation: str
    project_id: int
    bucket: datetime
    key: str
    rollup: int
    raw: int


class Rollups(Protocol):
    """Keeps the relations of `definitions` equal to the raw events."""

    def apply(self, cursor: Cursor, slot: int) -> None:
        """Add the fresh events in `staging`, within the processor's transaction."""

    def drift(self, cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
        """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""

    def rebuild(self, cursor: Cursor, start: datetime, end: datetime) -> None:
        """Compute the whole UTC days from `start` to `end` again, within one transaction."""
