"""Mends large groups of users in which an alias made somebody count twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.compile import SQL as WRITE
from metrics.definitions.selectors import definition_with
from metrics.definitions.spec import DENSE, GRAINS, Grain
from metrics.definitions.writing import recompute
from metrics.rollups import bounds
from metrics.versions import bump

SQL = sqlfile.load(__file__, "mending.sql")
Connection = psycopg.Connection[Any]
_DAY = timedelta(days=1)


def mend_stale(connection: Connection) -> int:
    """Compute the days anew whose large groups count somebody twice; return how many. In autocommit."""
    found = {row for grain in GRAINS for row in connection.execute(_on("stale", grain)).fetchall()}
    for id, day in sorted(found):
        with connection.transaction():
            sealed = bounds.keep_still(connection)
            connection.execute(WRITE["lock_alone"])
            cursor = connection.cursor()
            one = definition_with(cursor, id) if day >= sealed else None
            if one is not None:
                recompute(cursor, [one], day, day + _DAY)
            for grain in GRAINS:
                cursor.execute(_on("fresh", grain), {"sealed": sealed})
            if one is not None:
                bump(cursor, one.project_id)
    return len(found)


def _on(block: str, grain: Grain) -> sql.Composed:
    return sql.SQL(SQL[block]).format(dense=sql.Identifier(f"{DENSE}_{grain.suffix}"))
