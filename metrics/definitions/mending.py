"""Mends large groups of users in which an alias made somebody count twice."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions import locks
from metrics.definitions.selectors import definition_with
from metrics.definitions.spec import DENSE, GRAINS, STALE_USERS, Grain
from metrics.definitions.writing import recompute
from metrics.versions import bump

SQL = sqlfile.load(__file__, "mending.sql")
Connection = psycopg.Connection[Any]
_DAY = timedelta(days=1)


def mend_stale(connection: Connection, *, seconds: float) -> int:
    """Compute days anew whose large groups count too many twice, for about so long; return how many. In autocommit.

    The newest first: they are asked for most.
    """
    until, mended = time.monotonic() + seconds, 0
    found = {
        row
        for grain in GRAINS
        for row in connection.execute(_on("stale", grain), {"most": STALE_USERS}).fetchall()
    }
    for day, id in sorted(found, reverse=True):
        with suppress(locks.Busy):
            _mend(connection, id, day)
            mended += 1
        if time.monotonic() > until:
            break
    return mended


def _mend(connection: Connection, id: int, day: datetime) -> None:
    with connection.transaction():
        sealed = locks.be_alone_with_days(connection)
        cursor = connection.cursor()
        one = definition_with(cursor, id) if day >= sealed else None
        if one is not None:
            recompute(cursor, [one], day, day + _DAY)
        for grain in GRAINS:
            cursor.execute(_on("fresh", grain), {"sealed": sealed})
        if one is not None:
            bump(cursor, one.project_id)


def _on(block: str, grain: Grain) -> sql.Composed:
    return sql.SQL(SQL[block]).format(dense=sql.Identifier(f"{DENSE}_{grain.suffix}"))
