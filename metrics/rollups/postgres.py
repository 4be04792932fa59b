"""Rollups on plain Postgres: tables, updated in the processor's transaction, so exact at every commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from psycopg import sql

from config.lib import sqlfile
from metrics.rollups import bounds
from metrics.rollups.base import Connection, Cursor, Drift, Row
from metrics.rollups.definitions import (
    EVENTS,
    USERS,
    VALUE_PROPERTY,
    VALUES,
    VALUES_1D,
    VALUES_1H,
    Rollup,
)
from metrics.rollups.drift import drift
from metrics.rollups.restore import replace_span

SQL = sqlfile.load(__file__, "postgres.sql")
_REBUILD_SLOT = -1
#: The order in which a rebuild locks the tables; who writes to them in another may deadlock with it.
_LOCK_ORDER = (*reversed(EVENTS), *reversed(USERS), *reversed(VALUES))
#: How each rollup is computed anew.
_REBUILD = (("rebuild_counts", EVENTS), ("rebuild_users", USERS), ("rebuild_values", VALUES))


class RollupTables:
    """Counts and numbers are salted by processor slot; users are sets, which need no salt."""

    can_lag = False

    def apply(self, cursor: Cursor, slot: int) -> None:
        """Add the fresh events in `staging`."""
        cursor.execute(SQL["apply_counts"], {"slot": slot})
        cursor.execute(SQL["apply_users"])
        cursor.execute(SQL["apply_values"], {"slot": slot, "property": VALUE_PROPERTY})

    def drift(self, cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
        """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""
        return drift(cursor, start, end)

    def catch_up(self, connection: Connection) -> bool:
        """Nothing is ever behind: counting is part of storing."""
        return True

    def rebuild(self, connection: Connection, start: datetime, end: datetime) -> None:
        """Compute the whole UTC days from `start` to `end` again, in one transaction that processors wait for."""
        with connection.transaction():
            # Days may have been dropped since the caller looked.
            start = max(start, bounds.keep_still(connection))
            connection.execute(SQL["lock"])
            params = {"start": start, "end": end, "property": VALUE_PROPERTY}
            for block, rollups in _REBUILD:
                for rollup in rollups:
                    connection.execute(_on("clear", rollup), params)
                    connection.execute(_on(block, rollup), params)

    def keep_refreshes_out(self, cursor: Cursor) -> None:
        """Wait for rebuilds, and let none begin until the transaction ends."""
        bounds.keep_out(cursor)

    def seal(self, cursor: Cursor, day: date) -> bool:
        """Mark the days before `day`."""
        bounds.seal(cursor, day)
        return True

    def sealed_before(self, cursor: Cursor) -> date | None:
        """Return the day before which the raw events were dropped."""
        return bounds.sealed_before(cursor)

    def restore(
        self, cursor: Cursor, rollup: Rollup, span: tuple[datetime, datetime], rows: Iterable[Row]
    ) -> None:
        """Put the rows into the table below the rollup, where it has slots in that of rebuilds."""
        table, salt = _table(rollup), () if rollup in USERS else (_REBUILD_SLOT,)
        replace_span(cursor, rollup, table, span, rows, salt)

    def uncover(self, connection: Connection, day: date) -> None:
        """Tables hide nothing."""

    def erase(self, cursor: Cursor, *, project_id: int) -> None:
        """Remove a project."""
        for rollup in _LOCK_ORDER:
            cursor.execute(_on("remove_project", rollup), {"project_id": project_id})

    def erase_ids(self, cursor: Cursor, *, project_id: int, ids: Sequence[str]) -> None:
        """Subtract the events of these ids from the counts, and take the ids out of the sets and numbers.

        Writers must be kept out: an event stored between this and the store's `erase` would stay counted.
        """
        params = {"project_id": project_id, "ids": list(ids)}
        for block, rollups in (("subtract_user", EVENTS), ("remove_user", USERS)):
            for rollup in reversed(rollups):  # as in _LOCK_ORDER
                cursor.execute(_on(block, rollup), params)
        for block, rollup in (("recompute_hours", VALUES_1H), ("recompute_days", VALUES_1D)):
            cursor.execute(_on(block, rollup), params | {"property": VALUE_PROPERTY})

    def configure(self, cursor: Cursor) -> None:
        """Tables need no settings."""


def _on(block: str, rollup: Rollup) -> sql.Composed:
    """Return a block for the table of a rollup."""
    return sql.SQL(SQL[block]).format(relation=_table(rollup), unit=sql.Literal(rollup.unit))


def _table(rollup: Rollup) -> sql.Identifier:
    """Return the table of a rollup; that of a set has the relation's own name."""
    return sql.Identifier(rollup.relation if rollup in USERS else f"{rollup.relation}_slot")
