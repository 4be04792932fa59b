"""Which days the rollups alone know, because their raw events were dropped; the same on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from config.lib import sqlfile
from metrics.rollups.base import Cursor

SQL = sqlfile.load(__file__, "bounds.sql")


def seal(cursor: Cursor, day: date) -> None:
    """Mark the days before `day`; days that are marked stay so."""
    cursor.execute(SQL["seal"], {"day": datetime.combine(day, time(), UTC)})


def sealed_before(cursor: Cursor) -> date | None:
    """Return the day before which days are marked, None where nothing was ever dropped."""
    row = cursor.execute(SQL["sealed_before"]).fetchone()
    return row[0] if row else None
