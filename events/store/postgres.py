"""The store on plain Postgres: `event` is partitioned by UTC day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from config.lib import sqlfile
from events.store.base import Cursor, Partition

SQL = sqlfile.load(__file__, "partitions.sql")
_PREFIX = "event_p"
_LOCK_SPACE = 7302


class PartitionedStore:
    """Days are made ahead by a task and on demand by the processor; they are dropped whole."""

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
        return [Partition(day, rows, size) for name, rows, size in rows if (day := _day(name))]

    def drop_before(self, cursor: Cursor, day: date) -> list[date]:
        """Drop every day before `day`."""
        cursor.execute(SQL["impatient"])
        old = sorted(found for found in _days(cursor) if found < day)
        for one in old:
            cursor.execute(sql.SQL(SQL["drop"]).format(partition=_table(one)))
        return old


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
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    bounds = {
        "partition": _table(day),
        "start": sql.Literal(start.isoformat()),
        "end": sql.Literal((start + timedelta(days=1)).isoformat()),
    }
    for block in ("make", "attach", "unbind"):
        cursor.execute(sql.SQL(SQL[block]).format(**bounds))
