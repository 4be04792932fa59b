"""Folds large groups of users into registers: 16 KB a group, however many they are.

Processors go on entering users beside them, as rows, which are folded in later. A question reads both in one statement,
so it sees each user in one of the two places, or in both, which counts him once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import clock, sqlfile
from metrics.definitions import locks
from metrics.definitions.registers import of_hashes, union
from metrics.definitions.spec import (
    DENSE,
    DENSE_USERS,
    GRAINS,
    REGISTER_BITS,
    STALE_USERS,
    TABLES,
    USERS,
    Grain,
)

SQL = sqlfile.load(__file__, "folding.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
Group = dict[str, Any]
#: Rows beside a group's registers that are worth writing these anew while its bucket is not over.
_WORTH = 500


def fold(connection: Connection, start: datetime, end: datetime, *, most: int = DENSE_USERS) -> int:
    """Fold what is to be folded in a span; return how many groups. The connection is in autocommit.

    Groups of more than `most` users are, and what came beside those that were. Each is one transaction.
    """
    folded = 0
    for (id,) in connection.execute(SQL["counting"]).fetchall():
        for grain in GRAINS:
            for group in [
                *_large(connection, id, grain, start, end, most),
                *_grown(connection, id, grain, start, end),
            ]:
                with connection.transaction():
                    # Nobody computes the group anew meanwhile. Processors go on.
                    locks.share(connection)
                    _fold(connection, grain, group)
                folded += 1
    return folded


def fold_computed(cursor: Cursor, id: int, start: datetime, end: datetime) -> None:
    """Fold the large groups of a span that this transaction computed anew. It is alone (`locks`)."""
    for grain in GRAINS:
        for group in _large(cursor, id, grain, start, end, DENSE_USERS):
            _fold(cursor, grain, group)


def _large(
    link: Connection | Cursor, id: int, grain: Grain, start: datetime, end: datetime, most: int
) -> list[Group]:
    """Return the groups that have more users in rows than are kept one by one."""
    span = {"definition": id, "start": start, "end": end, "most": most}
    return [_group(id, *found) for found in link.execute(_on("large", grain), span).fetchall()]


def _grown(connection: Connection, id: int, grain: Grain, start: datetime, end: datetime) -> list[Group]:
    """Return the groups beside whose registers enough users came; where nobody comes any more, one is enough."""
    span = {
        "definition": id,
        "start": start,
        "end": end,
        "worth": _WORTH,
        "now": clock.now(),
        "stale": STALE_USERS,
    }
    return [_group(id, *found) for found in connection.execute(_on("grown", grain), span).fetchall()]


def _group(id: int, bucket: datetime, dim1: str | None, dim2: str | None) -> Group:
    return {"definition": id, "bucket": bucket, "dim1": dim1, "dim2": dim2}


def _fold(link: Connection | Cursor, grain: Grain, group: Group) -> None:
    """Move a group's rows into its registers: those that are removed and no others. Within a transaction.

    Its row is locked first, so of two that fold at once the second sees what the first one made.
    """
    link.execute(_on("open", grain), group)
    if (row := link.execute(_on("hold", grain), group).fetchone()) is None:
        return
    ((hashes,),) = link.execute(_on("take", grain), group).fetchall()
    if hashes or not row[0]:
        link.execute(_on("fill", grain), group | {"registers": union(row[0], of_hashes(hashes or b""))})


def _on(block: str, grain: Grain) -> sql.Composed:
    return sql.SQL(SQL[block]).format(
        table=sql.Identifier(f"{TABLES[USERS]}_{grain.suffix}"),
        dense=sql.Identifier(f"{DENSE}_{grain.suffix}"),
        unit=sql.Literal(f"1 {grain.unit}"),
        rest=sql.Literal(64 - REGISTER_BITS),
        group=sql.SQL(SQL["group"]),
    )
