"""A project's views and their role, made in the test's database and read as a BI tool reads them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg import sql

from config.bi import access, schemas
from config.bi.access import Limits
from config.lib.postgres import connect

LIMITS = Limits(seconds=60, connections=5)


@contextmanager
def opened(project_id: int, slug: str, *, limits: Limits = LIMITS) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection of a BI role of this test's own to a project's views; both are removed afterwards."""
    role, password = f"test_bi_{secrets.token_hex(4)}", secrets.token_hex(8)
    with connect(name="test bi", autocommit=True) as owner:
        access.open_project(
            owner, project_id=project_id, slug=slug, role=role, password=password, limits=limits
        )
    try:
        with as_reader(role, password) as link:
            yield link
    finally:
        close(project_id, role)


def as_reader(role: str, password: str = "") -> psycopg.Connection[Any]:
    """Connect as a role, with nothing of ours around it."""
    params = connections["default"].get_connection_params()
    ours = ("pool", "cursor_factory", "context", "prepare_threshold", "options")
    kept = {name: value for name, value in params.items() if name not in ours}
    ours_here = {"user": role, "password": password, "application_name": "test"}
    return psycopg.connect(**kept | ours_here, autocommit=True)


def close(project_id: int, *roles: str) -> None:
    """Remove a project's views, and these roles where they are still there."""
    with connect(name="test bi", autocommit=True) as owner:
        access.forget_project(owner, project_id)
        for role in roles:
            owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def there() -> list[schemas.Schema]:
    """Return the schemas that there are."""
    with connect(name="test bi", autocommit=True) as owner:
        return schemas.known(owner.cursor())


def role_exists(role: str) -> bool:
    """Tell whether the server knows a role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
        return bool(cursor.fetchone()[0])
