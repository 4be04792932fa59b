"""Moves users in the rollups of definitions when an alias makes one person of two ids.

Processors note it, and a task does it within seconds: the events that came with the ids say which groups are touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.compile import EVENT, Branches, block, params
from metrics.definitions.compile import SQL as WRITE
from metrics.definitions.selectors import definitions_of
from metrics.definitions.spec import DENSE, GRAINS, TABLES, USERS, Definition
from metrics.definitions.writing import add, aliased_of
from metrics.rollups import bounds
from metrics.versions import bump

SQL = sqlfile.load(__file__, "aliases.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
#: Notes worked off in one transaction, which processors wait for.
_MOST = 500


def note_alias(cursor: Cursor, project_id: int, user_ids: Iterable[str]) -> None:
    """Note that an alias has made others of these ids: all whose person changed, and who that was before.

    To be called in the claim that writes the alias: its staged events say since when. Whoever computes a new
    definition waits for its end.
    """
    cursor.execute(WRITE["lock_shared"])
    cursor.execute(SQL["note"], {"project_id": project_id, "user_ids": sorted(set(user_ids))})


def move_noted(connection: Connection) -> bool:
    """Move some of the users that were noted; False where some are left. The connection is in autocommit."""
    if not _are_left(connection):
        return True
    with connection.transaction():
        sealed = bounds.keep_still(connection)
        # Claims that did not know the alias yet end first.
        connection.execute(WRITE["lock_alone"])
        for project_id, ids in connection.execute(SQL["take"], {"most": _MOST}).fetchall():
            _move(connection.cursor(), project_id, ids, sealed)
            bump(connection.cursor(), project_id)
    return not _are_left(connection)


def _are_left(connection: Connection) -> bool:
    row = connection.execute(SQL["left"]).fetchone()
    return bool(row and row[0])


def _move(cursor: Cursor, project_id: int, ids: list[str], sealed: datetime) -> None:
    values = {"project_id": project_id, "ids": ids, "sealed": sealed}
    definitions = [one for one in definitions_of(cursor, project_id) if one.measure == USERS]
    aliased = aliased_of(cursor, definitions)
    for one in definitions:
        _take_out(cursor, one, values)
        add(cursor, one, sql.SQL(SQL["of_them"]), aliased, **values)


def _take_out(cursor: Cursor, one: Definition, values: dict[str, Any]) -> None:
    for grain in GRAINS:
        branches = Branches(EVENT, sql.SQL(SQL["of_these"]))
        text = block(
            SQL["take_out"],
            branches.of([one]),
            unit=sql.Literal(grain.unit),
            table=sql.Identifier(f"{TABLES[USERS]}_{grain.suffix}"),
            dense=sql.Identifier(f"{DENSE}_{grain.suffix}"),
        )
        cursor.execute(text, params(branches.words, definition=one.id, **values))


def forget(cursor: Cursor, one: Definition, user_id: str, sealed: datetime) -> None:
    """Take a user out of what only a definition's rollups know. Registers do not tell who is in them: they stay."""
    for grain in GRAINS:
        text = sql.SQL(SQL["forget"]).format(table=sql.Identifier(f"{TABLES[USERS]}_{grain.suffix}"))
        cursor.execute(text, {"definition": one.id, "user_id": user_id, "sealed": sealed})
