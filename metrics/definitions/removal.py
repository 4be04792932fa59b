"""Removes definitions with their rollups: one at a time and slowly, or all of a project's at once."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.compile import SQL as WRITE
from metrics.definitions.compile import tables_of
from metrics.definitions.spec import TABLES

SQL = sqlfile.load(__file__, "removal.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
#: Rows removed in one transaction.
_CHUNK = 10_000
_ALL_TABLES = [table for kind in TABLES for table in tables_of(kind)]


def remove_given_up(connection: Connection, *, seconds: float) -> int:
    """Remove rows of definitions that were given up, for about so long; return how many definitions are gone."""
    until, gone = time.monotonic() + seconds, 0
    for (id,) in connection.execute(SQL["removing"]).fetchall():
        for table in _ALL_TABLES:
            while connection.execute(_on("some", table), {"id": id, "chunk": _CHUNK}).rowcount:
                if time.monotonic() > until:
                    return gone
        with connection.transaction():
            # A claim that began before the definition was given up may have added to it just now.
            connection.execute(WRITE["lock_alone"])
            _remove(connection.cursor(), [id])
        gone += 1
    return gone


def remove_project(cursor: Cursor, project_id: int) -> None:
    """Remove a project's definitions. Claims must not add to it any more."""
    params = {"project_id": project_id}
    # In the order in which everybody locks: first the tables, then definitions.
    cursor.execute(WRITE["lock_shared"])
    ids = [id for (id,) in cursor.execute(SQL["of_project"], params).fetchall()]
    _remove(cursor, ids)
    cursor.execute(SQL["notes_of_project"], params)


def _remove(cursor: Cursor, ids: list[int]) -> None:
    for table in _ALL_TABLES:
        cursor.execute(_on("all", table), {"ids": ids})
    cursor.execute(SQL["definition"], {"ids": ids})


def _on(block: str, table: str) -> sql.Composed:
    return sql.SQL(SQL[block]).format(table=sql.Identifier(table))
