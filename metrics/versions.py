"""The version of a project's answers: it changes when answers that were given before are no longer right.

It is part of what kept answers are known by, and read from the same server as the answer: where that is a standby, both
are of one past moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg
from django.db import connections

from config.lib import sqlfile
from config.lib.postgres import reading

SQL = sqlfile.load(__file__, "versions.sql")
Cursor = psycopg.Cursor[Any]


def version_of(project_id: int) -> int:
    """Return the version now, by one statement outside of any transaction."""
    with connections[reading()].cursor() as cursor:
        cursor.execute(SQL["version"], {"project_id": project_id})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def bump(cursor: Cursor, project_id: int) -> None:
    """Make a project's answers old when this transaction commits. It comes last there: the row is locked from here."""
    cursor.execute(SQL["bump"], {"project_id": project_id})


def bump_all(cursor: Cursor) -> None:
    """Make every project's answers old."""
    cursor.execute(SQL["bump_all"])


def bump_staged(cursor: Cursor, before: datetime, also: Iterable[int] = ()) -> None:
    """Make answers old whose project has fresh events earlier than `before` in the staging table, or is in `also`."""
    cursor.execute(SQL["bump_staged"], {"before": before, "also": list(also)})
