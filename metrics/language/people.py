"""Says who did an event: an alias makes one person of several user ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile

SQL = sqlfile.load(__file__, "people.sql")


@dataclass(frozen=True, slots=True)
class People:
    """How a statement says who did an event of `e`: `person`, given that `aliases` is joined.

    `project_id` is that of a project where an id may stand for another.
    """

    person: sql.Composable
    aliases: sql.Composable
    project_id: int | None = None


#: Of a project where nobody has two ids.
SINGLE = People(sql.SQL("e.user_id"), sql.SQL(""))
#: Of a project where somebody has.
ALIASED = People(sql.SQL(SQL["person"]), sql.SQL(SQL["aliases"]))


def people_of(cursor: psycopg.Cursor[Any], project_id: int) -> People:
    """Return how to say who did an event of this project."""
    row = cursor.execute(SQL["has_aliases"], {"project_id": project_id}).fetchone()
    return replace(ALIASED, project_id=project_id) if row and row[0] else SINGLE


def ids_of(cursor: psycopg.Cursor[Any], *, project_id: int, user_id: str) -> tuple[str, ...]:
    """Return all ids of the person with this id, the one that stands for the others first. A stranger has one."""
    found = cursor.execute(SQL["ids"], {"project_id": project_id, "user_id": user_id}).fetchall()
    return tuple(one for (one,) in found)
