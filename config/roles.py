"""The database's roles for the web processes: one that may only append to the bus, one that may only read.

Both are granted what they need and nothing else. Granting is repeatable, and takes back what an earlier version gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from config.lib import sqlfile

SQL = sqlfile.load(__file__, "roles.sql")
#: What the roles are called where no URL names them.
GATEWAY, READ = "sluice_gateway", "sluice_read"
#: Beyond what the gateway itself waits for, the server ends its statements.
_GATEWAY_TIMEOUT_MS = 5000


class RoleError(Exception):
    """The roles cannot be made so; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: `block` names the grants, `milliseconds` bounds its statements. An empty password is not set."""

    block: str
    name: str
    password: str
    milliseconds: int


def wanted() -> tuple[Role, Role]:
    """Return the roles that the settings name, or those that they might. Raises RoleError."""
    gateway = _role("gateway", GATEWAY, _GATEWAY_TIMEOUT_MS)
    read = _role("read", READ, settings.QUERY_TIMEOUT_MS)
    if gateway.name == read.name:
        raise RoleError(f"GATEWAY_DATABASE_URL and READ_DATABASE_URL both name {read.name}: name two users")
    return gateway, read


def _role(alias: str, name: str, milliseconds: int) -> Role:
    entry = settings.DATABASES.get(alias, {})
    return Role(alias, entry.get("USER") or name, entry.get("PASSWORD", ""), milliseconds)


def script(connection: psycopg.Connection[Any]) -> str:
    """Return the SQL that makes and grants the roles, for somebody to run; it holds no password."""
    return "\n\n".join(
        statement.as_string(connection)
        for role in wanted()
        for statement in _statements(connection, role, with_password=False)
    )


def apply(connection: psycopg.Connection[Any]) -> list[str]:
    """Make and grant the roles in one transaction; return their names. Raises RoleError."""
    roles = wanted()
    with connection.transaction():
        for role in roles:
            for statement in _statements(connection, role, with_password=True):
                connection.execute(statement)
    return [role.name for role in roles]


def bare(
    connection: psycopg.Connection[Any], name: str, password: str, *, advice: str
) -> Iterator[sql.Composed]:
    """Yield what makes a role that may log in, and do nothing here until something is granted to it.

    Raises RoleError, ending with `advice`, for the owner of the tables and for a role that is there and may do more
    than we could take back.
    """
    here = place(connection)
    if name == here["user"]:
        raise RoleError(f"{name} owns the tables: {advice}")
    (too_much,) = connection.execute(SQL["too_much"], [name]).fetchone() or ("",)
    if too_much:
        raise RoleError(f"{name} has {too_much}: {advice}")
    role = sql.Identifier(name)
    yield sql.SQL(SQL["role"]).format(role=role)
    if password:
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode())
        yield sql.SQL(SQL["password"]).format(role=role, verifier=sql.Literal(verifier.decode()))
    names = {part: sql.Identifier(here[part]) for part in ("database", "schema")}
    yield sql.SQL(SQL["nothing"]).format(role=role, **names)


def place(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return where a connection is: its `database`, the `schema` of the tables, and the `user`."""
    found = connection.execute(SQL["place"]).fetchone() or ("", "", "")
    return dict(zip(("database", "schema", "user"), found, strict=True))


def _statements(
    connection: psycopg.Connection[Any], role: Role, *, with_password: bool
) -> Iterator[sql.Composed]:
    advice = f"name another user in the URL of the {role.block} role"
    yield from bare(connection, role.name, role.password if with_password else "", advice=advice)
    here = place(connection)
    yield sql.SQL(SQL[role.block]).format(
        role=sql.Identifier(role.name),
        database=sql.Identifier(here["database"]),
        schema=sql.Identifier(here["schema"]),
        milliseconds=sql.Literal(role.milliseconds),
    )
