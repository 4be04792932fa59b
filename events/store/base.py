"""What every engine's store can do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import psycopg

Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True, slots=True)
class Partition:
    """One day of events: `rows` is the planner's estimate (exact after ANALYZE), `bytes` includes indexes."""

    day: date
    rows: int
    bytes: int


def days_between(first: date, last: date) -> Iterable[date]:
    """Yield every day from `first` to `last`, both included."""
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


class Store(Protocol):
    """Where events rest, by UTC day."""

    def prepare(self, cursor: Cursor, days: Sequence[date]) -> None:
        """Make room for events of these days, within the transaction of `cursor`."""

    def insert(self, cursor: Cursor) -> int:
        """Move the fresh events from `staging` into `event`; return how many."""

    def partitions(self, cursor: Cursor) -> list[Partition]:
        """Return the days in store, newest first."""

    def drop_before(self, cursor: Cursor, day: date) -> list[date]:
        """Drop every day before `day`, each whole and at once; return them."""
