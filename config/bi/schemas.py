"""The schemas that hold the views: what there is, making them, and taking their views down while tables change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from config.bi import views
from config.lib import sqlfile

SQL = sqlfile.load(__file__, "schemas.sql")
Cursor = psycopg.Cursor[Any]
#: The comment of a schema of ours.
_MARK, _FORM = "Sluice: project {}, views {}", r"^Sluice: project (\d+), views (\w*)$"
_PREFIX, _LONGEST = "bi_", 63


class BiError(Exception):
    """It cannot be done so; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema of ours: its project, which views it was made with, those there are, and the roles that may use it."""

    name: str
    project_id: int
    fingerprint: str
    views: tuple[str, ...]
    roles: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Tell whether it has the views of this version."""
        whole = set(self.views) == set(views.VIEWS)
        return whole and self.fingerprint == views.fingerprint(self.project_id)


def known(cursor: Cursor) -> list[Schema]:
    """Return the schemas that there are."""
    rows = cursor.execute(sql.SQL(SQL["known"]).format(form=sql.Literal(_FORM))).fetchall()
    return [
        Schema(name, project, mark, tuple(views_), tuple(roles))
        for name, project, mark, views_, roles in rows
    ]


def of_project(cursor: Cursor, project_id: int) -> Schema | None:
    """Return a project's schema, None where it has none."""
    return next((one for one in known(cursor) if one.project_id == project_id), None)


def make(cursor: Cursor, project_id: int, slug: str) -> Schema:
    """Make a project's schema with its views, or see that it has those of this version. Raises BiError."""
    found = of_project(cursor, project_id)
    if found is None:
        found = Schema(_free_name(cursor, project_id, slug), project_id, "", (), ())
        cursor.execute(sql.SQL(SQL["make"]).format(schema=sql.Identifier(found.name)))
    return put_up(cursor, found)


def put_up(cursor: Cursor, schema: Schema) -> Schema:
    """Make the views anew, and let those read them who may use the schema."""
    take_down(cursor, schema)
    for statement in views.statements(schema.name, schema.project_id):
        cursor.execute(statement)
    name, mark = sql.Identifier(schema.name), views.fingerprint(schema.project_id)
    for role in schema.roles:
        cursor.execute(sql.SQL(SQL["open"]).format(schema=name, role=sql.Identifier(role)))
    text = sql.Literal(_MARK.format(schema.project_id, mark))
    cursor.execute(sql.SQL(SQL["mark"]).format(schema=name, text=text))
    return Schema(schema.name, schema.project_id, mark, views.VIEWS, schema.roles)


def take_down(cursor: Cursor, schema: Schema) -> None:
    """Remove the views of a schema, which stays with its roles. Raises psycopg.Error where others depend on them."""
    if schema.views:
        listed = sql.SQL(", ").join([sql.Identifier(schema.name, view) for view in schema.views])
        cursor.execute(sql.SQL(SQL["drop_views"]).format(views=listed))


def remove(cursor: Cursor, schema: Schema) -> None:
    """Remove a schema and what is in it."""
    cursor.execute(sql.SQL(SQL["remove"]).format(schema=sql.Identifier(schema.name)))


def be_patient(cursor: Cursor) -> None:
    """Wait ten seconds for a lock in this transaction, as migrations do, and no longer."""
    cursor.execute(SQL["patience"])


def _free_name(cursor: Cursor, project_id: int, slug: str) -> str:
    """Return `bi_SLUG` as an identifier that needs no quotes; with the project's number where that is taken."""
    name = _PREFIX + slug.lower().replace("-", "_")
    names = [name] if len(name) <= _LONGEST else []
    end = f"_{project_id}"
    for one in (*names, name[: _LONGEST - len(end)] + end):
        (taken,) = cursor.execute(sql.SQL(SQL["is_taken"]).format(name=sql.Literal(one))).fetchone() or (
            True,
        )
        if not taken:
            return one
    raise BiError(f"there are schemas {' and '.join(names)} that Sluice did not make: rename them")
