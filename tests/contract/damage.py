"""Ways to damage rollups behind the product's back, on tables that differ by engine."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

#: What to do to which table. `{salt}` is a column, and its value, that only some engines have.
DAMAGES = {
    "a count too many": "UPDATE {rollup_events_1h} SET count = count + 1",
    "a missing minute": "DELETE FROM {rollup_events_1m} WHERE extract(hour FROM bucket) = 1",
    "a missing user": "DELETE FROM {rollup_users_1d}",
    "an invented user": (
        "INSERT INTO {rollup_users_1h} (project_id, bucket, user_id) SELECT 77, '2024-02-28 05:00+00', 'ghost'"
    ),
    "an invented day": (
        "INSERT INTO {rollup_events_1d} (project_id, bucket, type, count{salt_column}) "
        "SELECT 78, '2024-02-28', 'ghost', 3{salt}"
    ),
}
_BELOW = """
    SELECT view_name, materialization_hypertable_schema, materialization_hypertable_name
    FROM timescaledb_information.continuous_aggregates
"""
_TABLES = """
    SELECT regexp_replace(relname, '_slot$', ''), relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^rollup_(events|users|values)_1'
"""


def damage(link: psycopg.Connection[tuple[Any, ...]], statement: str) -> int:
    """Run a statement on the tables below the rollups; return how many rows it hit."""
    tables = _tables(link)
    salted = any(name == ("rollup_events_1d_slot",) for name in tables.values())
    parts = {relation: sql.Identifier(*name) for relation, name in tables.items()}
    salt = {"salt_column": sql.SQL(", slot" if salted else ""), "salt": sql.SQL(", 0" if salted else "")}
    return link.execute(sql.SQL(statement).format(**parts, **salt)).rowcount


def _tables(link: psycopg.Connection[tuple[Any, ...]]) -> dict[str, tuple[str, ...]]:
    found = {relation: (table,) for relation, table in link.execute(_TABLES).fetchall()}
    if found:
        return found
    return {view: (schema, table) for view, schema, table in link.execute(_BELOW).fetchall()}
