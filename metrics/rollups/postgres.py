"""Rollups on plain Postgres: tables, updated in the processor's transaction, so exact at every commit."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from config.lib import sqlfile
from metrics.rollups.base import Cursor, Drift
from metrics.rollups.definitions import EVENTS, USERS, Rollup

SQL = sqlfile.load(__file__, "postgres.sql")


class RollupTables:
    """Counts are salted by processor slot; users are sets, which need no salt."""

    def apply(self, cursor: Cursor, slot: int) -> None:
        """Add the fresh events in `staging`."""
        cursor.execute(SQL["apply_counts"], {"slot": slot})
        cursor.execute(SQL["apply_users"])

    def drift(self, cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
        """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""
        found = []
        for block, rollups in (("drift_counts", EVENTS), ("drift_users", USERS)):
            for rollup in rollups:
                rows = cursor.execute(_on(block, rollup, rollup.relation), {"start": start, "end": end})
                found += [Drift(rollup.relation, *row) for row in rows.fetchall()]
        return found

    def rebuild(self, cursor: Cursor, start: datetime, end: datetime) -> None:
        """Compute the whole UTC days from `start` to `end` again."""
        cursor.execute(SQL["lock"])
        span = {"start": start, "end": end}
        for block, rollups, suffix in (("rebuild_counts", EVENTS, "_slot"), ("rebuild_users", USERS, "")):
            for rollup in rollups:
                table = rollup.relation + suffix
                cursor.execute(_on("clear", rollup, table), span)
                cursor.execute(_on(block, rollup, table), span)


def _on(block: str, rollup: Rollup, table: str) -> sql.Composed:
    return sql.SQL(SQL[block]).format(relation=sql.Identifier(table), unit=sql.Literal(rollup.unit))
