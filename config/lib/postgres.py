"""Connections of our own, for the stages that talk to Postgres below the ORM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from django.db import connections, transaction

DEADLINE_SECONDS = 30
#: The server ends a statement at the deadline; if it has not by then, nobody is there any more.
_GRACE_SECONDS = 0.5
_WAIT_SECONDS = 0.1


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Gives up on a server that neither answers nor hangs up: frozen, black-holed, or behind a lost route.

    Only the client can notice that; `deadline` (seconds) bounds each wait for the server.
    """

    deadline: float = DEADLINE_SECONDS

    def wait(self, gen: Any, interval: float = _WAIT_SECONDS, timeout: float | None = None) -> Any:
        """Wait for the server as psycopg does, until the deadline; then close and raise OperationalError."""
        try:
            return super().wait(gen, interval, self.deadline if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError("the database did not answer in time") from None


def connect(
    *,
    name: str,
    alias: str = "default",
    autocommit: bool = False,
    deadline: float = DEADLINE_SECONDS,
    prepare: bool = False,
) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a psycopg connection to one of Django's databases that cannot hang for ever.

    `name` appears in `pg_stat_activity`; `deadline` (seconds) bounds connecting, each statement, each wait for
    a lock and the silence of the network. `prepare` keeps plans of repeated statements: right for statements
    that always do the same work, wrong where a plan made for an empty staging table would be kept for a full one.
    """
    params = connections[alias].get_connection_params()
    for ours in ("pool", "cursor_factory", "context", "prepare_threshold", "options"):
        params.pop(ours, None)
    milliseconds = int(deadline * 1000)
    connection = BoundedConnection.connect(
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
    connection.deadline = deadline + _GRACE_SECONDS
    return connection


@contextmanager
def bounded_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """Give a cursor on Django's connection for one question: it may take QUERY_TIMEOUT_MS and no longer."""
    with transaction.atomic(), django_connection.cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(settings.QUERY_TIMEOUT_MS)])
        yield cursor
