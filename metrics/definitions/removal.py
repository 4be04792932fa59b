"""Removes definitions with their rollups: one at a time and slowly, or all of a project's at once."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions import locks
from metrics.definitions.compile import tables_of
from metrics.definitions.spec import TABLES

SQL = sqlfile.load(__file__, "removal.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
#: Rows removed in one transaction.
_CHUNK = 10_000
#: How often, and how many seconds apart, the end of a project's definitions waits for processors to pause.
_TRIES, _PAUSE = 60, 1.0
_ALL_TABLES = [table for kind in TABLES for table in tables_of(kind)]


def remove_given_up(connection: Connection, *, seconds: float) -> int:
    """Remove rows of definitions that were given up, for about so long; return how many definitions are gone."""
    until, gone = time.monotonic() + seconds, 0
    for (id,) in connection.execute(SQL["removing"]).fetchall():
        if not _emptied(connection, id, until):
            return gone
        with suppress(locks.Busy):
            _finish(connection, id)
            gone += 1
    return gone


def empty_stopped(connection: Connection, *, seconds: float) -> None:
    """Remove rows of definitions that were stopped and answer no question, for about so long."""
    until = time.monotonic() + seconds
    for (id,) in connection.execute(SQL["stopped"]).fetchall():
        if not _emptied(connection, id, until):
            return


def remove_ahead(connection: Connection, project_id: int) -> None:
    """Remove the definitions of a project that goes, in small transactions: nobody waits. In autocommit.

    Claims must not add to it any more. Raises `locks.Busy` where processors never pause.
    """
    ids = connection.execute(SQL["give_up_project"], {"project_id": project_id}).fetchall()
    for (id,) in ids:
        _emptied(connection, id, math.inf)
        for tries_left in reversed(range(_TRIES)):
            try:
                _finish(connection, id)
                break
            except locks.Busy:
                if not tries_left:
                    raise
                time.sleep(_PAUSE)


def _emptied(connection: Connection, id: int, until: float) -> bool:
    """Remove a definition's rows, some at a time; False where time is up before the last."""
    for table in _ALL_TABLES:
        while connection.execute(_on("some", table), {"id": id, "chunk": _CHUNK}).rowcount:
            if time.monotonic() > until:
                return False
    return True


def _finish(connection: Connection, id: int) -> None:
    """Remove a definition with what a claim may have added that began before it was given up. Raises Busy."""
    with connection.transaction():
        locks.be_alone(connection)
        _remove(connection.cursor(), [id])


def remove_project(cursor: Cursor, project_id: int) -> None:
    """Remove what `remove_ahead` left of a project: nothing, unless somebody defined a metric meanwhile."""
    params = {"project_id": project_id}
    _remove(cursor, [id for (id,) in cursor.execute(SQL["of_project"], params).fetchall()])
    cursor.execute(SQL["notes_of_project"], params)


def _remove(cursor: Cursor, ids: list[int]) -> None:
    for table in _ALL_TABLES:
        cursor.execute(_on("all", table), {"ids": ids})
    cursor.execute(SQL["definition"], {"ids": ids})


def _on(block: str, table: str) -> sql.Composed:
    return sql.SQL(SQL[block]).format(table=sql.Identifier(table))
