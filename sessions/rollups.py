"""Keeps how many sessions start in each hour and day, so that counting them reads no session.

Whoever changes sessions adds the difference in the same transaction. The relations are the same on every engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.rollups.base import Drift
from metrics.rollups.definitions import SESSIONS, Rollup

SQL = sqlfile.load(__file__, "rollups.sql")
Cursor = psycopg.Cursor[Any]


@contextmanager
def counted(cursor: Cursor) -> Iterator[None]:
    """Let the block change sessions, noting each change in `session_change`, and add them up when it ends.

    The caller's transaction holds the shards of all users whose sessions change: a slot of a rollup is one shard's.
    """
    cursor.execute(SQL["watch"])
    yield
    for rollup in SESSIONS:
        cursor.execute(_on("add", rollup))
    cursor.execute(SQL["added"])


def drift(cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
    """Compare every bucket of the whole UTC days from `start` to `end` with the sessions."""
    span = {"start": start, "end": end}
    return [
        Drift(rollup.relation, project_id, bucket, "", kept, raw)
        for rollup in SESSIONS
        for project_id, bucket, kept, raw in cursor.execute(_on("drift", rollup), span).fetchall()
    ]


def recount(connection: psycopg.Connection[Any], start: datetime, end: datetime) -> None:
    """Compute the whole UTC days from `start` to `end` again, from the sessions."""
    span = {"start": start, "end": end}
    with connection.transaction():
        connection.execute(SQL["keep_rebuilds_out"])
        for rollup in SESSIONS:
            for block in ("remove", "compute"):
                connection.execute(_on(block, rollup), span)


def _on(block: LiteralString, rollup: Rollup) -> sql.Composed:
    return sql.SQL(SQL[block]).format(relation=sql.Identifier(rollup.relation), unit=sql.Literal(rollup.unit))
