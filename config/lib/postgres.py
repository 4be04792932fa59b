"""Connections of our own, for the stages that talk to Postgres below the ORM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from django.db import connections, transaction

#: TCP gives up on a black-holed peer after this long; the server ends a statement a little earlier.
DEADLINE_SECONDS = 30


def connect(
    *, name: str, autocommit: bool = False, deadline: float = DEADLINE_SECONDS, prepare: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a psycopg connection to Django's default database that cannot hang for ever.

    `name` appears in `pg_stat_activity`; `deadline` (seconds) bounds connecting, each statement, each wait for
    a lock and the silence of the network. `prepare` keeps plans of repeated statements: right for statements
    that always do the same work, wrong where a plan made for an empty staging table would be kept for a full one.
    """
    params = connections["default"].get_connection_params()
    for ours in ("pool", "cursor_factory", "context", "prepare_threshold", "options"):
        params.pop(ours, None)
    milliseconds = int(deadline * 1000)
    return psycopg.connect(
        **params,
        autocommit=autocommit,
        prepare_threshold=3 if prepare else None,
        application_name=f"sluice {name}",
        connect_timeout=max(2, int(deadline)),
        tcp_user_timeout=milliseconds,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        options=f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds // 2} -c timezone=UTC",
    )


@contextmanager
def bounded_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """Give a cursor on Django's connection for one question: it may take QUERY_TIMEOUT_MS and no longer."""
    with transaction.atomic(), django_connection.cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(settings.QUERY_TIMEOUT_MS)])
        yield cursor
