"""Reads about the rollups, for operators."""

from __future__ import annotations

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor

SQL = sqlfile.load(__file__, "selectors.sql")


def rollup_pending_seconds() -> float:
    """Return for how long the oldest stored event has been missing from a rollup; 0 where none is."""
    with bounded_cursor() as cursor:
        ((seconds,),) = cursor.execute(SQL["pending_seconds"]).fetchall()
    return float(seconds)
