"""What every engine's rollups can do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import psycopg

from metrics.rollups.definitions import Rollup

Cursor = psycopg.Cursor[Any]
Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """A bucket in which a rollup and the raw events differ; of numbers: count, sum, least and greatest as text."""

    relation: str
    project_id: int
    bucket: datetime
    key: str
    rollup: int | str
    raw: int | str


class Rollups(Protocol):
    """Keeps the relations of `definitions` equal to the raw events."""

    #: Whether something may be noted that is not counted yet.
    can_lag: bool

    def apply(self, cursor: Cursor, slot: int) -> None:
        """Count the fresh events in `staging`, or note that they are to be counted, in the processor's transaction."""

    def catch_up(self, connection: Connection) -> bool:
        """Count what was only noted so far; the connection is in autocommit. False where something is left.

        Safe to run many times at once.
        """

    def drift(self, cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
        """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""

    def rebuild(self, connection: Connection, start: datetime, end: datetime) -> None:
        """Compute the whole UTC days from `start` to `end` again; the connection is in autocommit."""

    def keep_refreshes_out(self, cursor: Cursor) -> None:
        """Let nothing be computed again until the transaction ends; waits for what is at it."""

    def seal(self, cursor: Cursor, day: date) -> bool:
        """Prepare for the raw events before `day` to be dropped in this transaction, which keeps writers out.

        From then on the rollups alone know these days, and what still comes for them is added. False where
        something of them is not counted yet: then nothing may be dropped.
        """

    def sealed_before(self, cursor: Cursor) -> date | None:
        """Return the day before which rollups cannot be computed from raw events any more, None where there is none."""

    def restore(
        self, cursor: Cursor, rollup: Rollup, span: tuple[datetime, datetime], rows: Iterable[Row]
    ) -> None:
        """Make what a rollup says of whole sealed days these rows, which `restore.merged` read elsewhere."""

    def uncover(self, connection: Connection, day: date) -> None:
        """See that what was restored shows, although nothing may have been stored from `day` on; in autocommit."""

    def erase(self, cursor: Cursor, *, project_id: int) -> None:
        """Remove a project; called before the store's `erase`, in its transaction."""

    def erase_ids(self, cursor: Cursor, *, project_id: int, ids: Sequence[str]) -> None:
        """Take a user out with all his ids, before the store does; writers are kept out."""

    def configure(self, cursor: Cursor) -> None:
        """Carry the settings over to the database."""
