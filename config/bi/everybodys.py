"""What PostgreSQL lets everybody call that writes or locks: taken from all but Sluice's own roles, where we may.

A BI role is asked not to write, but may change that; large objects would then fill the disk, and advisory locks are
what processors, questions and upgrades take turns by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from config import roles
from config.lib import sqlfile

SQL = sqlfile.load(__file__, "everybodys.sql")
Connection = psycopg.Connection[Any]


def take(connection: Connection) -> list[str]:
    """Take them from PUBLIC, after granting them to Sluice's roles; return those taken: none where we may not."""
    names, may = _open(connection)
    if not may:
        return []
    for statement in _statements(connection, names):
        connection.execute(statement)
    return names


def script(connection: Connection) -> str:
    """Return the SQL that takes what everybody may still call, for a superuser to run; "" where nothing is left."""
    names, _ = _open(connection)
    return "\n".join(statement.as_string(connection) for statement in _statements(connection, names))


def _open(connection: Connection) -> tuple[list[str], bool]:
    rows = connection.execute(SQL["open"]).fetchall()
    return [name for name, _ in rows], all(may for _, may in rows)


def _statements(connection: Connection, names: list[str]) -> Iterator[sql.Composed]:
    if not names:
        return
    # Signatures as the catalog has them: of PostgreSQL's own functions, nobody else's text is in them.
    functions = sql.SQL(", ").join([sql.SQL(name) for name in names])
    owner = sql.Identifier(roles.place(connection)["user"])
    yield sql.SQL(SQL["keep"]).format(functions=functions, owner=owner)
    for (reader,) in connection.execute(SQL["readers"]).fetchall():
        yield sql.SQL(SQL["keep_turns"]).format(reader=sql.Identifier(reader))
    yield sql.SQL(SQL["take"]).format(functions=functions)
