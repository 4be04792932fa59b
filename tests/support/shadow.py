"""Tables that hide the real ones from this connection, so that a test can try thousands of histories."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.db import connection

from config.lib.postgres import bounded_cursor
from tests.support.funnel_model import Happened

_HIDDEN = ("event", "user_alias")


@contextmanager
def hidden_tables() -> Iterator[None]:
    """Hide the events and aliases of all projects behind empty temporary tables.

    Heavy questions, which have a connection of their own, are asked on this one, too.
    """
    with connection.cursor() as cursor:
        for name in _HIDDEN:
            cursor.execute(f"CREATE TEMP TABLE {name} (LIKE public.{name} INCLUDING DEFAULTS)")
    try:
        with patch("metrics.query.run.slot", bounded_cursor):
            yield
    finally:
        with connection.cursor() as cursor:
            for name in _HIDDEN:
                cursor.execute(f"DROP TABLE pg_temp.{name}")


def put(project_id: int, events: Iterable[Happened], aliases: dict[str, str] | None = None) -> None:
    """Make these the only events, and these the only aliases, that this connection sees."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_temp.event")
        cursor.execute("DELETE FROM pg_temp.user_alias")
        cursor.executemany(
            "INSERT INTO pg_temp.event (project_id, event_id, ts, received_at, type, user_id, props) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (project_id, one.id, one.ts, one.ts, one.type, one.person, json.dumps(one.props))
                for one in events
            ],
        )
        cursor.executemany(
            "INSERT INTO pg_temp.user_alias (project_id, alias, user_id, since) VALUES (%s, %s, %s, now())",
            [(project_id, alias, person) for alias, person in (aliases or {}).items()],
        )
