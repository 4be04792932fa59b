"""The store on plain Postgres: `event` is partitioned by UTC day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from events.store.base import Cursor, Partition, Policy

SQL = sqlfile.load(__file__, "partitions.sql")
_PREFIX = "event_p"
_LOCK_SPACE = 7302


class PartitionedStore:
    """Days are made ahead by a task and on demand by the processor; they are dropped whole."""

    can_compress = False

    def prepare(self, cursor: Cursor, days: Sequence[date]) -> None:
        """Make the partitions that are missing, and keep all of them from being dropped until the commit."""
        cursor.execute(SQL["hold"])
        if set(days) <= _days(cursor):
            return
        cursor.execute(SQL["lock"], {"space": _LOCK_SPACE})
        for day in sorted(set(days) - _days(cursor)):
            _make(cursor, day)

    def insert(self, cursor: Cursor) -> int:
        """Move the fresh events from `staging` into `event`."""
        return cursor.execute(SQL["insert"]).rowcount

    def partitions(self, cursor: Cursor) -> list[Partition]:
        """Return the days in store, newest first."""
        rows = cursor.execute(SQL["sizes"]).fetchall()
        return [_partition(day, rows, size) for name, rows, size in rows if (day := _day(name))]

    def keep_writers_out(self, cursor: Cursor) -> None:
        """Let no event be written until the transaction ends."""
        cursor.execute(SQL["keep_out"])

    def drop_before(self, cursor: Cursor, day: date) -> list[date]:
        """Drop every day before `day`."""
        old = sorted(found for found in _days(cursor) if found < day)
        for one in old:
            cursor.execute(sql.SQL(SQL["drop"]).format(partition=_table(one)))
        return old

    def last_edge(self, cursor: Cursor, day: date) -> date | None:
        """Return the end of the last day before `day`."""
        return max((found + timedelta(days=1) for found in _days(cursor) if found < day), default=None)

    def compress(self, connection: psycopg.Connection[Any], day: date) -> bool:
        """Plain Postgres has no columns."""
        return False

    def erase(self, cursor: Cursor, *, project_id: int, user_id: str | None = None) -> int:
        """Remove a project's events, or those of one of its users."""
        block = "erase_project" if user_id is None else "erase_user"
        return cursor.execute(SQL[block], {"project_id": project_id, "user_id": user_id}).rowcount

    def configure(self, cursor: Cursor) -> None:
        """Days are days: there is nothing to set."""

    def policies(self, cursor: Cursor) -> list[Policy]:
        """Plain Postgres does nothing by itself."""
        return []


def _partition(day: date, rows: int, size: int) -> Partition:
    start = datetime.combine(day, time(), UTC)
    return Partition(start, start + timedelta(days=1), rows, size)


def _table(day: date) -> sql.Identifier:
    return sql.Identifier(f"{_PREFIX}{day:%Y%m%d}")


def _day(name: str) -> date | None:
    try:
        return datetime.strptime(name.removeprefix(_PREFIX), "%Y%m%d").date()
    except ValueError:
        return None


def _days(cursor: Cursor) -> set[date]:
    rows = cursor.execute(SQL["days"]).fetchall()
    return {day for (name,) in rows if (day := _day(name))}


def _make(cursor: Cursor, day: date) -> None:
    start = datetime.combine(day, time(), UTC)
    bounds = {
        "partition": _table(day),
        "start": sql.Literal(start.isoformat()),
        "end": sql.Literal((start + timedelta(days=1)).isoformat()),
    }
    for block in ("make", "attach", "unbind"):
        cursor.execute(sql.SQL(SQL[block]).format(**bounds))
