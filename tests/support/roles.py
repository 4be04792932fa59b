"""The gateway's and the readers' role, made in the test's database and used by this process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg import sql

from config import engine, roles
from config.lib.postgres import connect
from events.gateway.auth import keys
from events.gateway.lookups import lookups


@contextmanager
def in_use() -> Iterator[None]:
    """Make and grant roles of this test's own and let gateway and readers connect as them; remove them afterwards."""
    password = secrets.token_hex(8)
    names = {alias: f"test_{alias}_{secrets.token_hex(4)}" for alias in ("gateway", "read")}
    for alias, name in names.items():
        connections.settings[alias] = _entry(alias) | {"USER": name, "PASSWORD": password}
    try:
        with connect(name="roles", autocommit=True) as link:
            roles.apply(link)
        _forget()
        yield
    finally:
        for alias in names:
            connections[alias].close()
            del connections[alias], connections.settings[alias]
        _forget()
        _drop(*names.values())


def as_role(alias: str) -> psycopg.Connection[Any]:
    """Connect as one of the roles, with nothing of ours around it."""
    params = connections[alias].get_connection_params()
    ours = ("pool", "cursor_factory", "context", "prepare_threshold", "options")
    return psycopg.connect(
        **{name: value for name, value in params.items() if name not in ours}, autocommit=True
    )


def _entry(alias: str) -> dict[str, Any]:
    """Return the address of the test's database. A pool, which Django keeps by alias, would outlive the role."""
    entry: dict[str, Any] = connections.settings["default"]
    options = {name: value for name, value in entry["OPTIONS"].items() if name != "pool"}
    return entry | {"NAME": connection.settings_dict["NAME"], "OPTIONS": options}


def _forget() -> None:
    engine.forget()
    keys.clear()
    lookups.close()


def _drop(*names: str) -> None:
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [name]
            )
            role = sql.Identifier(name)
            cursor.execute(sql.SQL("DROP OWNED BY {role}; DROP ROLE {role}").format(role=role))
