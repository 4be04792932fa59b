"""The refresh policies of the continuous aggregates, made from the settings."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from config.lib import sqlfile
from metrics.rollups.aggregates import DIRECT, IN_ORDER
from metrics.rollups.base import Cursor
from metrics.rollups.definitions import Rollup

SQL = sqlfile.load(__file__, "timescale.sql")
#: TimescaleDB demands a window of at least two buckets. Days are computed from hours: a wide window costs little.
_DAYS_WINDOW = timedelta(days=4)


def configure(cursor: Cursor) -> None:
    """Make every policy what the settings say; one that is so already keeps its history."""
    lag = timedelta(minutes=settings.ROLLUP_LAG_MINUTES)
    every = timedelta(seconds=settings.ROLLUP_REFRESH_SECONDS)
    cursor.execute(SQL["set_lag"], {"lag": lag})
    row = cursor.execute(SQL["unsealed"]).fetchone()
    unsealed = row[0] if row else timedelta.max
    for rollup in IN_ORDER:
        start = min(_window(rollup), unsealed) if rollup in DIRECT else _window(rollup)
        wanted = {
            "relation": rollup.relation, "start": start, "lag": lag, "every": every, "grain": rollup.grain,
        }  # fmt: skip
        cursor.execute(SQL["set_windows"], wanted)
        if cursor.execute(SQL["policy"], wanted).fetchone() != (every, start, lag, 0):
            cursor.execute(SQL["remove_policy"], wanted)
            made = cursor.execute(SQL["add_policy"], wanted).fetchone()
            cursor.execute(SQL["in_one_pass"], {"job": made[0] if made else None})


def _window(rollup: Rollup) -> timedelta:
    hours = timedelta(hours=settings.ROLLUP_WINDOW_HOURS)
    return max(hours, _DAYS_WINDOW) if rollup.grain >= timedelta(days=1) else hours
