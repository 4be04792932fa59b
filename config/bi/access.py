"""The roles of BI tools: made by the same rules as those of the web processes, for the views of one project alone."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from config import roles
from config.bi import everybodys, schemas
from config.bi.schemas import BiError, Schema
from config.lib import sqlfile

logger = logging.getLogger("sluice.bi")
SQL = sqlfile.load(__file__, "access.sql")
Connection = psycopg.Connection[Any]
_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_ADVICE = "name another one with --role"
#: The comment of a role of ours. Roles are the whole server's: another database may have Sluice's, too.
_MARK = "Sluice: reads views for BI tools in the database {}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a role is asked to keep to: seconds that a statement may take, and connections at a time."""

    seconds: int
    connections: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening a project did: its schema, the role that reads it, and the functions taken from everybody."""

    schema: Schema
    role: str
    taken: list[str]


def open_project(
    connection: Connection, *, project_id: int, slug: str, role: str, password: str, limits: Limits
) -> Opened:
    """Make a project's views and let `role` (by default named like the schema) read them, in one transaction.

    Without a `password` none is set. Raises BiError, and RoleError for a role that may do too much.
    """
    with connection.transaction():
        cursor = connection.cursor()
        schema = schemas.make(cursor, project_id, slug)
        role = role or schema.name
        _refuse(cursor, schema, role)
        statements = list(roles.bare(connection, role, password, advice=_ADVICE))
        _refuse_unmarked(cursor, role)
        taken = everybodys.take(connection)
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(_grant(connection, schema, role, limits))
    return Opened(schema, role, taken)


def close_project(cursor: psycopg.Cursor[Any], schema: Schema) -> list[str]:
    """Remove a schema with all rights on it, and its roles; return those that stay.

    They have rights elsewhere, or we may not drop them, or they are others': then nothing else is taken from them.
    """
    names = _names(cursor.connection)
    ours = [role for role in schema.roles if _mark_of(cursor, role) == _mark(cursor.connection)]
    for role in ours:
        cursor.execute(
            sql.SQL(SQL["take_back"]).format(
                role=sql.Identifier(role), views=sql.Identifier(schema.name), database=names["database"]
            )
        )
    schemas.remove(cursor, schema)
    return [role for role in schema.roles if role not in ours or not _dropped(cursor, role)]


def _refuse(cursor: psycopg.Cursor[Any], schema: Schema, role: str) -> None:
    """Raise BiError for a role that is or was made for something else."""
    if not _NAME.fullmatch(role):
        raise BiError(f"a role's name has up to 63 small letters, digits and underscores: {_ADVICE}")
    if role in {one.name for one in roles.wanted()}:
        raise BiError(f"{role} is a role of the web processes: {_ADVICE}")
    for other in schemas.known(cursor):
        if other.name != schema.name and role in other.roles:
            raise BiError(f"{role} reads the views in {other.name}, of another project: {_ADVICE}")


def _refuse_unmarked(cursor: psycopg.Cursor[Any], role: str) -> None:
    """Raise BiError for a role that is there and does not say that it is ours."""
    found, mark = _mark_of(cursor, role), _mark(cursor.connection)
    if found not in (None, mark):
        raise BiError(
            f"{role} is there already, and Sluice did not make it for this database: {_ADVICE}, "
            f"or give it away: COMMENT ON ROLE {role} IS '{mark}'"
        )


def _mark(connection: Connection) -> str:
    return _MARK.format(roles.place(connection)["database"])


def _mark_of(cursor: psycopg.Cursor[Any], role: str) -> str | None:
    """Return the comment of a role, "" where it has none; None where there is no such role."""
    row = cursor.execute(SQL["mark_of"], [role]).fetchone()
    return None if row is None else str(row[0])


def _grant(connection: Connection, schema: Schema, role: str, limits: Limits) -> sql.Composed:
    return sql.SQL(SQL["grant"]).format(
        role=sql.Identifier(role),
        views=sql.Identifier(schema.name),
        milliseconds=sql.Literal(limits.seconds * 1000),
        connections=sql.Literal(limits.connections),
        mark=sql.Literal(_mark(connection)),
        **_names(connection),
    )


def _names(connection: Connection) -> dict[str, sql.Identifier]:
    here = roles.place(connection)
    return {part: sql.Identifier(here[part]) for part in ("database", "schema")}


def _dropped(cursor: psycopg.Cursor[Any], role: str) -> bool:
    try:
        with cursor.connection.transaction():
            cursor.execute(sql.SQL(SQL["drop"]).format(role=sql.Identifier(role)))
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
        return False
    return True


def forget_project(connection: Connection, project_id: int) -> list[str]:
    """Remove a project's views and their roles, if it has any; return the roles that stay."""
    with connection.transaction():
        cursor = connection.cursor()
        schema = schemas.of_project(cursor, project_id)
        left = close_project(cursor, schema) if schema else []
    for role in left:
        logger.warning("the BI role %s stays: it has rights elsewhere, or is not ours to drop", role)
    return left
