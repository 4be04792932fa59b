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


def _statements(
    connection: psycopg.Connection[Any], role: Role, *, with_password: bool
) -> Iterator[sql.Composed]:
    database, schema, user = connection.execute(SQL["place"]).fetchone() or ("", "", "")
    if role.name == user:
        raise RoleError(f"{user} owns the tables: name another user in the URL of the {role.block} role")
    _refuse_too_much(connection, role)
    names = {
        "role": sql.Identifier(role.name),
        "database": sql.Identifier(database),
        "schema": sql.Identifier(schema),
        "milliseconds": sql.Literal(role.milliseconds),
    }
    yield sql.SQL(SQL["role"]).format(**names)
    if role.password and with_password:
        verifier = connection.pgconn.encrypt_password(role.password.encode(), role.name.encode())
        yield sql.SQL(SQL["password"]).format(verifier=sql.Literal(verifier.decode()), **names)
    yield sql.SQL(SQL["nothing"]).format(**names)
    yield sql.SQL(SQL[role.block]).format(**names)


def _refuse_too_much(connection: psycopg.Connection[Any], role: Role) -> None:
    """Raise RoleError for a role that is there and may do more than we could take back."""
    (too_much,) = connection.execute(SQL["too_much"], [role.name]).fetchone() or ("",)
    if too_much:
        raise RoleError(f"{role.name} has {too_much}: name another user in the URL of the {role.block} role")
