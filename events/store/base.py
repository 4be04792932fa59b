"""What every engine's store can do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import psycopg

Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True, slots=True)
class Partition:
    """Events of `start` <= ts < `end` that are kept, compressed and dropped as a whole: a partition or a chunk.

    `rows` is an estimate (exact after ANALYZE), `bytes` what it takes on disk with indexes. `compressed`: it lies in
    columns (late events beside them); `bytes_before` is what it took before, None where that is not known.
    """

    start: datetime
    end: datetime
    rows: int
    bytes: int
    compressed: bool = False
    bytes_before: int | None = None

    @property
    def ratio(self) -> float | None:
        """Return how many times smaller compression made it."""
        return ratio_of([self])

    @property
    def day(self) -> date:
        """Return its first UTC day."""
        return self.start.date()

    @property
    def days(self) -> Iterable[date]:
        """Return every UTC day of it."""
        return days_between(self.day, (self.end - timedelta(microseconds=1)).date())


@dataclass(frozen=True, slots=True)
class Policy:
    """Something that the database does by itself, and how that went last; times are None before the first run."""

    name: str
    relation: str
    every: timedelta
    last_run_at: datetime | None
    last_success_at: datetime | None
    next_run_at: datetime | None
    runs: int
    failures: int
    #: How the last run ended; None while it has not ended.
    ok: bool | None
    running: bool


def ratio_of(partitions: Iterable[Partition]) -> float | None:
    """Return how many times smaller compression made these; None where it is known of none.

    What was stored as columns at once never took other space: it is left out of both sides.
    """
    known = [(one.bytes_before, one.bytes) for one in partitions if one.bytes_before is not None]
    after = sum(size for _, size in known)
    return sum(before for before, _ in known) / after if after else None


def days_between(first: date, last: date) -> Iterable[date]:
    """Yield every day from `first` to `last`, both included."""
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


class Store(Protocol):
    """Where events rest, by UTC day."""

    #: Whether old events can be turned into columns.
    can_compress: bool

    def prepare(self, cursor: Cursor, days: Sequence[date]) -> None:
        """Make room for events of these days, within the transaction of `cursor`."""

    def insert(self, cursor: Cursor) -> int:
        """Move the fresh events from `staging` into `event`; return how many."""

    def partitions(self, cursor: Cursor) -> list[Partition]:
        """Return what is in store, newest first."""

    def keep_writers_out(self, cursor: Cursor) -> None:
        """Let no event be written until the transaction ends; LockNotAvailable where that takes seconds."""

    def last_edge(self, cursor: Cursor, day: date) -> date | None:
        """Return the last day, not after `day`, at which a partition ends; None where there is none."""

    def drop_before(self, cursor: Cursor, day: date) -> list[date]:
        """Drop all partitions that end by `day`, at once; return their days."""

    def compress(self, connection: psycopg.Connection[Any], day: date) -> bool:
        """Turn the partition of `day` into columns, late events included; False where nothing was to be done."""

    def erase(self, cursor: Cursor, *, project_id: int, user_id: str | None = None) -> int:
        """Remove a project's events, or those of one of its users; return how many."""

    def configure(self, cursor: Cursor) -> None:
        """Carry the settings over to the database."""

    def policies(self, cursor: Cursor) -> list[Policy]:
        """Return what the database does by itself."""
