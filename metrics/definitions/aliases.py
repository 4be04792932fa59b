"""Moves users in the rollups of definitions when an alias makes one person of two ids.

Processors note it, and a task does it within seconds: the events that came with the ids say which groups are touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions import locks
from metrics.definitions.compile import Branches, block, params
from metrics.definitions.selectors import definitions_of_all
from metrics.definitions.spec import DENSE, GRAINS, TABLES, USERS, Definition
from metrics.definitions.writing import add, aliased_of
from metrics.versions import bump

SQL = sqlfile.load(__file__, "aliases.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
logger = logging.getLogger(__name__)
#: Notes worked off in one transaction, which processors wait for.
_MOST = 100
#: Where the events of those who move are, for as long as that takes.
_MOVED = "moved"


def note_alias(cursor: Cursor, project_id: int, user_ids: Iterable[str]) -> None:
    """Note that an alias has made others of these ids: all whose person changed, and who that was before.

    To be called in the claim that writes the alias: its staged events say since when. Whoever computes a new
    definition waits for its end.
    """
    locks.share(cursor)
    cursor.execute(SQL["note"], {"project_id": project_id, "user_ids": sorted(set(user_ids))})


def move_noted(connection: Connection, *, seconds: float = 0.0) -> bool:
    """Move users that were noted, for about so long; False where some are left. The connection is in autocommit.

    A project whose users cannot be moved says so in the log, and the others go on.
    """
    until, failed = time.monotonic() + seconds, [0]
    while (row := connection.execute(SQL["next"], {"failed": failed}).fetchone()) is not None:
        try:
            _move_some(connection, row[0])
        except locks.Busy:
            return False
        except psycopg.Error as error:
            if connection.closed:
                raise
            logger.error("users of project %s cannot be moved in its defined metrics: %s", row[0], error)
            failed.append(row[0])
        if time.monotonic() > until:
            break
    return connection.execute(SQL["next"], {"failed": [0]}).fetchone() is None


def _move_some(connection: Connection, project_id: int) -> None:
    """Move some users of a project, all at once: of them its events are read once, for all that counts them."""
    with connection.transaction():
        # Claims that did not know the alias yet end first.
        values: dict[str, Any] = {"project_id": project_id, "most": _MOST}
        values["sealed"] = locks.be_alone_with_days(connection)
        cursor = connection.cursor()
        ((values["ids"],),) = cursor.execute(SQL["take"], values).fetchall()
        definitions = [one for one in definitions_of_all(cursor, [project_id]) if one.measure == USERS]
        if definitions and values["ids"]:
            _move(cursor, definitions, values)
        bump(cursor, project_id)


def _move(cursor: Cursor, definitions: Sequence[Definition], values: dict[str, Any]) -> None:
    cursor.execute(SQL["gather"], values)
    aliased = aliased_of(cursor, definitions)
    for one in definitions:
        _take_out(cursor, one, values)
        add(cursor, one, sql.SQL("true"), aliased, relation=_MOVED)


def _take_out(cursor: Cursor, one: Definition, values: dict[str, Any]) -> None:
    for grain in GRAINS:
        branches = Branches(_MOVED, sql.SQL(SQL["of_these"]))
        text = block(
            SQL["take_out"],
            branches.of([one]),
            unit=sql.Literal(grain.unit),
            table=sql.Identifier(f"{TABLES[USERS]}_{grain.suffix}"),
            dense=sql.Identifier(f"{DENSE}_{grain.suffix}"),
        )
        cursor.execute(text, params(branches.words, definition=one.id, ids=values["ids"]))


def forget(cursor: Cursor, one: Definition, user_ids: Sequence[str], sealed: datetime) -> None:
    """Take users out of what only a definition's rollups know. Registers do not tell who is in them: they stay."""
    for grain in GRAINS:
        text = sql.SQL(SQL["forget"]).format(table=sql.Identifier(f"{TABLES[USERS]}_{grain.suffix}"))
        cursor.execute(text, {"definition": one.id, "ids": list(user_ids), "sealed": sealed})
