"""What Postgres would read, in names that are the same on every engine."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from config import engine
from config.lib.engine import Level

#: Chunks by name: those of `event` with their first day, those of an aggregate with the aggregate's name.
_CHUNKS = """
    SELECT c.chunk_name, coalesce(a.view_name, c.hypertable_name), to_char(c.range_start, 'YYYYMMDD')
    FROM timescaledb_information.chunks c
    LEFT JOIN timescaledb_information.continuous_aggregates a
           ON a.materialization_hypertable_name = c.hypertable_name
"""


def explain(text: object, params: object) -> set[str]:
    """Return the relations that a statement would read.

    A partition or chunk of events is named event_pYYYYMMDD, whatever the engine calls it; a chunk of an aggregate
    has the aggregate's name.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(text), params)
        found = cursor.fetchone()[0]
    names = _names()
    plan = json.loads(found) if isinstance(found, str) else found
    return {names.get(name, name) for name in relations_of(plan)}


def relations_of(plan: object) -> set[str]:
    """Return the relations in an EXPLAIN (FORMAT JSON) plan, but not those that only stand for others appended."""
    if isinstance(plan, list):
        return set().union(*(relations_of(part) for part in plan))
    if not isinstance(plan, dict):
        return set()
    reads = "Relation Name" in plan and plan.get("Custom Plan Provider") != "ChunkAppend"
    here = {str(plan["Relation Name"])} if reads else set()
    return here.union(*(relations_of(value) for value in plan.values()))


def indexes_read(text: object, params: object) -> str:
    """Return the plan of a statement that may not read whole tables, however few rows they have in a test."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(sql.SQL("EXPLAIN {}").format(text), params)
        return "\n".join(line for (line,) in cursor.fetchall())


def _names() -> dict[str, str]:
    if engine.level() is Level.POSTGRES:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_CHUNKS)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return {chunk: f"event_p{day}" if owner == "event" else owner for chunk, owner, day in rows}
