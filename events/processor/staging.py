"""The staging tables of a processor's session."""

from __future__ import annotations

from typing import Any

import psycopg

from config.lib import sqlfile

SQL = sqlfile.load(__file__, "staging.sql")


def create(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Create the staging tables; they belong to the session of `connection` and vanish with it."""
    connection.execute(SQL["create_staging"])
    connection.execute(SQL["create_duplicates"])
