"""Compares rollups with the raw events; the same question on every engine."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from config.lib import sqlfile
from metrics.rollups.base import Cursor, Drift
from metrics.rollups.definitions import EVENTS, USERS, VALUE_PROPERTY, VALUES, Rollup

SQL = sqlfile.load(__file__, "drift.sql")


def drift(cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
    """Compare every bucket of the whole UTC days from `start` to `end` with the raw events."""
    params = {"start": start, "end": end, "property": VALUE_PROPERTY}
    return [
        Drift(rollup.relation, *row)
        for block, rollups in (("drift_counts", EVENTS), ("drift_users", USERS), ("drift_values", VALUES))
        for rollup in rollups
        for row in cursor.execute(_on(block, rollup), params).fetchall()
    ]


def _on(block: str, rollup: Rollup) -> sql.Composed:
    unit = sql.Literal(rollup.unit)
    return sql.SQL(SQL[block]).format(relation=sql.Identifier(rollup.relation), unit=unit)
