"""Adds events to the rollups of definitions, and computes a span of them anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import psycopg
from psycopg import sql

from config.lib import clock
from metrics.definitions import locks
from metrics.definitions.compile import EVENT, SQL, Branches, block, params, tables_of
from metrics.definitions.folding import fold_computed
from metrics.definitions.selectors import definition_with, definitions_of_all
from metrics.definitions.spec import TABLES, USERS, Definition
from metrics.language.people import ALIASED, SINGLE, people_of

Cursor = psycopg.Cursor[Any]
#: The slot of rows that are computed anew.
REBUILD_SLOT = -1
_ADD = {"values": "add_values", "bins": "add_bins", "users": "add_users"}
#: Definitions in one statement: each has up to 90 parameters (20 filters with four), and a statement 65,535 at most.
_AT_ONCE = 300
_project = attrgetter("project_id")
_SPAN = sql.SQL("e.ts >= %(start)s AND e.ts < %(end)s")


def apply(cursor: Cursor, slot: int, project_ids: Iterable[int]) -> None:
    """Add the fresh events in `staging`, of these projects, in the processor's transaction.

    The lock comes before the look at the definitions. So whoever computes a definition's rollups anew, alone, finds
    every event that was added without it, and every later transaction knows the definition.
    """
    locks.share(cursor)
    definitions = definitions_of_all(cursor, project_ids)
    aliased = aliased_of(cursor, definitions)
    for kind in TABLES:
        # What has been computed so far does not change the statement: it must not be made again for that.
        of_kind = [replace(one, covered_from=None) for one in definitions if one.kind == kind]
        for some in _portions(of_kind):
            text, values = _adding(kind, some, aliased)
            cursor.execute(text, values | {"slot": slot})


def _portions(definitions: Iterable[Definition]) -> Iterator[tuple[Definition, ...]]:
    """Yield them in portions that one statement can hold, those of a project together."""
    portion: list[Definition] = []
    for _, of_project in groupby(sorted(definitions, key=_project), key=_project):
        portion += of_project
        if len(portion) >= _AT_ONCE:
            yield tuple(portion)
            portion = []
    if portion:
        yield tuple(portion)


def try_out(cursor: Cursor, id: int) -> None:
    """Let Postgres plan what a definition counts, of one moment. Raises what it raises at parameters it cannot take."""
    if (one := definition_with(cursor, id)) is not None:
        branches = Branches(EVENT, sql.SQL("e.ts = %(at)s"))
        cursor.execute(
            sql.SQL("EXPLAIN {}").format(branches.of([one])), params(branches.words, at=clock.now())
        )


def aliased_of(cursor: Cursor, definitions: Iterable[Definition]) -> frozenset[int]:
    """Return those of the definitions' projects where somebody who may be counted has several ids."""
    projects = {one.project_id for one in definitions if one.measure == USERS}
    return frozenset(one for one in projects if people_of(cursor, one) is not SINGLE)


@lru_cache(maxsize=128)
def _adding(
    kind: str, definitions: tuple[Definition, ...], aliased: frozenset[int]
) -> tuple[bytes, dict[str, Any]]:
    branches = Branches(people=dict.fromkeys(aliased, ALIASED))
    text = block(SQL[_ADD[kind]], branches.of(definitions))
    return text.as_bytes(None), branches.words.params


def recompute(
    cursor: Cursor,
    definitions: Sequence[Definition],
    start: datetime,
    end: datetime,
    *,
    without: Sequence[str] = (),
) -> None:
    """Compute start <= ts < end of these definitions from the stored events, less those of some users' ids.

    Both are midnights of UTC. The caller is alone (`locks`).
    """
    aliased = aliased_of(cursor, definitions)
    for one in definitions:
        span = {"definition": one.id, "start": start, "end": end}
        for table in tables_of(one.kind):
            cursor.execute(sql.SQL(SQL["clear"]).format(table=sql.Identifier(table)), span)
        within = sql.SQL("{} AND e.user_id <> ALL(%(gone)s)").format(_SPAN) if without else _SPAN
        add(cursor, one, within, aliased, start=start, end=end, gone=list(without))
        if one.measure == USERS:
            fold_computed(cursor, one.id, start, end)


def add(
    cursor: Cursor,
    one: Definition,
    within: sql.Composable,
    aliased: frozenset[int],
    *,
    relation: str = EVENT,
    **values: Any,
) -> None:
    """Add those of the stored events that a condition chooses, with its values, to a definition's rollups."""
    branches = Branches(relation, within, dict.fromkeys(aliased, ALIASED))
    text = block(SQL[_ADD[one.kind]], branches.of([one]))
    cursor.execute(text, params(branches.words, slot=REBUILD_SLOT, **values))
