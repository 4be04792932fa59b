"""Which days the rollups alone know, because their raw events were dropped; the same on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from config.lib import sqlfile
from metrics.rollups.base import Connection, Cursor

SQL = sqlfile.load(__file__, "bounds.sql")
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


def midnight(day: date) -> datetime:
    """Return the first moment of a UTC day."""
    return datetime.combine(day, time(), UTC)


def seal(cursor: Cursor, day: date) -> None:
    """Mark the days before `day`; days that are marked stay so."""
    cursor.execute(SQL["seal"], {"day": midnight(day)})


def sealed_before(cursor: Cursor) -> date | None:
    """Return the day before which days are marked, None where nothing was ever dropped."""
    row = cursor.execute(SQL["sealed_before"]).fetchone()
    return row[0] if row else None


def keep_still(connection: Connection) -> datetime:
    """Return the moment before which days are marked, which stays so until the transaction ends."""
    row = connection.execute(SQL["keep_still"]).fetchone()
    return row[0] if row and row[0] else _FIRST


def keep_out(cursor: Cursor) -> None:
    """Wait for those who keep the bound still, and let no other come until the transaction ends."""
    cursor.execute(SQL["keep_out"])
