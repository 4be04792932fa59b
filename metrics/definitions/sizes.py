"""Counts the rows that each definition has."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.compile import tables_of
from metrics.definitions.spec import kind_of

SQL = sqlfile.load(__file__, "sizes.sql")


def count_rows(connection: psycopg.Connection[Any]) -> None:
    """Write down how many rows each definition has."""
    for id, measure in connection.execute(SQL["kept"]).fetchall():
        rows = 0
        for table in tables_of(kind_of(measure)):
            text = sql.SQL(SQL["count_rows"]).format(table=sql.Identifier(table))
            row = connection.execute(text, {"id": id}).fetchone()
            rows += row[0] if row else 0
        connection.execute(SQL["rows"], {"id": id, "rows": rows})
