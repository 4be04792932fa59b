"""An engine's rollups together with those of definitions: whoever computes, checks or erases one does so with both."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from config.lib import sqlfile
from metrics.definitions import locks
from metrics.definitions.aliases import forget, move_noted
from metrics.definitions.compile import EVENT, Branches, block, params
from metrics.definitions.drift import drift
from metrics.definitions.removal import remove_project
from metrics.definitions.selectors import definition_with, definitions_covering, definitions_of_all
from metrics.definitions.spec import USERS, Definition
from metrics.definitions.writing import recompute
from metrics.rollups.base import Connection, Cursor, Drift, Rollups, Row
from metrics.rollups.definitions import Rollup

SQL = sqlfile.load(__file__, "kept.sql")
#: How often, and how many seconds apart, a day that is computed anew waits for processors to pause.
_TRIES, _PAUSE = 60, 1.0
_DAY = timedelta(days=1)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


class WithDefinitions:
    """`Rollups` that know of definitions, whose tables are the same on every engine. Adding to them is a step."""

    def __init__(self, inner: Rollups) -> None:
        self._inner = inner
        self.can_lag = inner.can_lag

    def apply(self, cursor: Cursor, slot: int) -> None:
        """Count the fresh events in `staging`; in the rollups of definitions that is `writing.apply`."""
        self._inner.apply(cursor, slot)

    def catch_up(self, connection: Connection) -> bool:
        """Count what was only noted so far, and move users who became others."""
        return self._inner.catch_up(connection) & move_noted(connection)

    def drift(self, cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
        """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""
        return [*self._inner.drift(cursor, start, end), *drift(cursor, start, end)]

    def rebuild(self, connection: Connection, start: datetime, end: datetime) -> None:
        """Compute the whole UTC days from `start` to `end` again."""
        self._inner.rebuild(connection, start, end)
        for one in definitions_covering(connection.cursor(), end):
            for day in _days_from(max(start, one.covered_from or end), end):
                _rebuild(connection, one.id, day)

    def keep_refreshes_out(self, cursor: Cursor) -> None:
        """Let nothing be computed again until the transaction ends."""
        self._inner.keep_refreshes_out(cursor)

    def seal(self, cursor: Cursor, day: date) -> bool:
        """Prepare for the raw events before `day` to be dropped."""
        return self._inner.seal(cursor, day)

    def sealed_before(self, cursor: Cursor) -> date | None:
        """Return the day before which rollups cannot be computed from raw events any more."""
        return self._inner.sealed_before(cursor)

    def restore(
        self, cursor: Cursor, rollup: Rollup, span: tuple[datetime, datetime], rows: Iterable[Row]
    ) -> None:
        """Make what a rollup says of whole sealed days these rows."""
        self._inner.restore(cursor, rollup, span, rows)

    def uncover(self, connection: Connection, day: date) -> None:
        """See that what was restored shows."""
        self._inner.uncover(connection, day)

    def erase(self, cursor: Cursor, *, project_id: int) -> None:
        """Remove a project."""
        self._inner.erase(cursor, project_id=project_id)
        remove_project(cursor, project_id)

    def erase_ids(self, cursor: Cursor, *, project_id: int, ids: Sequence[str]) -> None:
        """Take a user out with all his ids: each day that has something of him is computed anew once."""
        self._inner.erase_ids(cursor, project_id=project_id, ids=ids)
        _take_out(cursor, project_id, ids)

    def configure(self, cursor: Cursor) -> None:
        """Carry the settings over to the database."""
        self._inner.configure(cursor)


def _rebuild(connection: Connection, id: int, day: datetime) -> None:
    """Compute a definition's day anew, as soon as processors pause; a day that was dropped stays. Raises Busy."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.transaction():
                sealed = locks.be_alone_with_days(connection)
                cursor = connection.cursor()
                if day >= sealed and (one := definition_with(cursor, id)) is not None:
                    recompute(cursor, [one], day, day + _DAY)
            return
        except locks.Busy:
            if not tries_left:
                raise
            time.sleep(_PAUSE)


def _days_from(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += _DAY


def _take_out(cursor: Cursor, project_id: int, ids: Sequence[str]) -> None:
    """Compute the days of a user's events without him; of days whose events were dropped, take out his hashes."""
    locks.be_alone(cursor)
    row = cursor.execute(SQL["sealed"]).fetchone()
    sealed = row[0] if row and row[0] else _FIRST
    for one in definitions_of_all(cursor, [project_id]):
        for day in _days(cursor, one, ids, sealed):
            recompute(cursor, [one], day, day + _DAY, without=ids)
        if one.measure == USERS:
            forget(cursor, one, ids, sealed)


def _days(cursor: Cursor, one: Definition, ids: Sequence[str], sealed: datetime) -> list[datetime]:
    """Return the days in which a definition counted something of a user's."""
    branches = Branches(EVENT, sql.SQL(SQL["of_user"]))
    text = block(SQL["days"], branches.of([one]))
    cursor.execute(text, params(branches.words, ids=list(ids), sealed=sealed))
    return [day for (day,) in cursor.fetchall()]
