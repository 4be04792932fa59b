"""Stops definitions whose dimensions have too many values: each group costs every claim a write."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql

from config.lib import clock, sqlfile
from metrics.definitions import cost
from metrics.definitions.spec import DAY, TABLES, kind_of
from metrics.versions import bump

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "groups.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
#: Project, id, measure, what it matches, and whether it has dimensions.
Kept = tuple[int, int, str, str, bool]
#: Rows of a day that are looked at. Users lie in the order of their hashes: so many of them know the groups.
_ROWS = 200_000
#: A bin of a group costs what half a group does.
_BINS_A_GROUP = 2
_MESSAGE = (
    "Stopped: {:,} groups on {:%Y-%m-%d}, where those of all defined metrics may be {:,}. Choose dimensions with fewer "
    "values. Questions read the raw events."
)


class TooManyGroups(Exception):
    """A day of a definition has more groups than are kept: the day, how many, and how many may be."""


def stop_too_fine(connection: Connection, *, days: int) -> int:
    """Stop the definitions that have too many groups in one of the last days; return how many. In autocommit."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    projects = [id for (id,) in connection.execute(SQL["projects"]).fetchall()]
    kept = connection.execute(SQL["kept"], {"projects": projects}).fetchall()
    stopped: set[int] = set()
    for _, found in groupby(kept, key=itemgetter(0)):
        of_project = list(found)
        for ago in range(days):
            left = [one for one in of_project if one[1] not in stopped]
            stopped |= _stop_largest(connection, left, today - timedelta(days=ago))
    return len(stopped)


def _stop_largest(connection: Connection, kept: Sequence[Kept], day: datetime) -> set[int]:
    """Stop the definitions of a project with the most groups until the others' are not too many; return their ids."""
    sizes = {
        id: _groups(connection.cursor(), id, measure, day) for _, id, measure, _, has_dims in kept if has_dims
    }
    most, stopped = allowed(kept), set[int]()
    while sum(sizes.values()) > most:
        id = max(sizes, key=lambda one: sizes[one])
        stop(connection, id, TooManyGroups(day, sizes.pop(id), most))
        stopped.add(id)
    return stopped


def allowed(kept: Sequence[Kept]) -> int:
    """Return how many groups a project's definitions may have together in a day: what they leave of the budget."""
    spent = sum(cost.base_cost(measure, json.loads(match)) for _, _, measure, match, _ in kept)
    return int(cost.GROUPS_A_POINT * max(0, cost.budget() - spent))


def check(cursor: Cursor, project_id: int, id: int, measure: str, day: datetime) -> None:
    """See that a definition alone has no more groups in a day than its project may have. Raises TooManyGroups."""
    most = allowed(cursor.execute(SQL["kept"], {"projects": [project_id]}).fetchall())
    if (groups := _groups(cursor, id, measure, day)) > most:
        raise TooManyGroups(day, groups, most)


def _groups(cursor: Cursor, id: int, measure: str, day: datetime) -> int:
    kind = kind_of(measure)
    text = sql.SQL(SQL["groups"]).format(
        table=sql.Identifier(f"{TABLES[kind]}_{DAY.suffix}"),
        columns=sql.SQL("dim1, dim2, bin" if kind == "bins" else "dim1, dim2"),
    )
    ((groups,),) = cursor.execute(text, {"definition": id, "day": day, "rows": _ROWS}).fetchall()
    return int(groups) // _BINS_A_GROUP if kind == "bins" else int(groups)


def stop(connection: Connection, id: int, why: TooManyGroups) -> None:
    """Keep a definition no longer: questions read the raw events, and its rows go."""
    day, groups, most = why.args
    message = _MESSAGE.format(groups, day, most)
    with connection.transaction():
        if row := connection.execute(SQL["halt"], {"id": id, "message": message}).fetchone():
            bump(connection.cursor(), row[0])
            logger.warning("the defined metric %s is kept no longer: %s", id, message)
