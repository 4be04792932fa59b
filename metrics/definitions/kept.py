"""An engine's rollups together with those of definitions: whoever computes, checks or erases one does so with both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.aliases import forget, move_noted
from metrics.definitions.compile import EVENT, Branches, block, params
from metrics.definitions.compile import SQL as WRITE
from metrics.definitions.drift import drift
from metrics.definitions.removal import remove_project
from metrics.definitions.selectors import definitions_covering, definitions_of
from metrics.definitions.spec import USERS, Definition
from metrics.definitions.writing import recompute
from metrics.rollups import bounds
from metrics.rollups.base import Connection, Cursor, Drift, Rollups, Row
from metrics.rollups.definitions import Rollup

SQL = sqlfile.load(__file__, "kept.sql")
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
        with connection.transaction():
            start = max(start, bounds.keep_still(connection))
            connection.execute(WRITE["lock_alone"])
            cursor = connection.cursor()
            for one in definitions_covering(cursor, end):
                recompute(cursor, [one], max(start, one.covered_from or end), end)

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

    def erase(self, cursor: Cursor, *, project_id: int, user_id: str | None = None) -> None:
        """Remove a project, or take one of its users out."""
        self._inner.erase(cursor, project_id=project_id, user_id=user_id)
        if user_id is None:
            remove_project(cursor, project_id)
        else:
            _take_out(cursor, project_id, user_id)

    def configure(self, cursor: Cursor) -> None:
        """Carry the settings over to the database."""
        self._inner.configure(cursor)


def _take_out(cursor: Cursor, project_id: int, user_id: str) -> None:
    """Compute the days of a user's events without him; of days whose events were dropped, take out his hash."""
    cursor.execute(WRITE["lock_alone"])
    row = cursor.execute(SQL["sealed"]).fetchone()
    sealed = row[0] if row and row[0] else _FIRST
    for one in definitions_of(cursor, project_id):
        for day in _days(cursor, one, user_id, sealed):
            recompute(cursor, [one], day, day + _DAY, without_user=user_id)
        if one.measure == USERS:
            forget(cursor, one, user_id, sealed)


def _days(cursor: Cursor, one: Definition, user_id: str, sealed: datetime) -> list[datetime]:
    """Return the days in which a definition counted something of a user's."""
    branches = Branches(EVENT, sql.SQL(SQL["of_user"]))
    text = block(SQL["days"], branches.of([one]))
    cursor.execute(text, params(branches.words, user_id=user_id, sealed=sealed))
    return [day for (day,) in cursor.fetchall()]
