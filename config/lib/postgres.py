"""Connections of our own, for the stages that talk to Postgres below the ORM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import IntegrityError, connections, transaction

from config.lib import pooling
from config.lib.bounded import DEADLINE_SECONDS, BoundedConnection, PooledConnection

#: The server ends a statement at the deadline; if it has not by then, nobody is there any more.
_GRACE_SECONDS = 0.5
#: The same for a process that answers requests, where nothing else is said.
_ANSWER_SECONDS = 0.4
_deadline = DEADLINE_SECONDS


def connect(
    *,
    name: str,
    alias: str = "default",
    autocommit: bool = False,
    deadline: float | None = None,
    within: float | None = None,
    prepare: bool = False,
    adapted: bool = False,
) -> BoundedConnection:
    """Open a psycopg connection to one of Django's databases that cannot hang for ever.

    An `alias` without a URL is `default`. `name` appears in `pg_stat_activity`; `deadline` (seconds, 30 unless given)
    bounds connecting, each statement, each wait for a lock, each pause within a transaction and the silence of the
    network; `within` bounds connecting where that must be quicker. `prepare` keeps plans of repeated statements:
    right for statements that always do the same work, wrong where a plan made for an empty staging table would be
    kept for a full one. `adapted` makes its cursors like Django's: values are taken and given in the same types.
    """
    params = connections[present(alias)].get_connection_params()
    for ours in ("pool", "prepare_threshold", "options", *(() if adapted else ("cursor_factory", "context"))):
        params.pop(ours, None)
    deadline = _deadline if deadline is None else deadline
    milliseconds = int(deadline * 1000)
    connection = BoundedConnection.connect(
        **params,
        autocommit=autocommit,
        prepare_threshold=3 if prepare else None,
        application_name=f"sluice {name}",
        within=deadline if within is None else within,
        tcp_user_timeout=milliseconds,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        options=f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds // 2} -c timezone=UTC "
        + pooling.end_when_alone(milliseconds),
    )
    connection.deadline = deadline + _GRACE_SECONDS
    return connection


def answer_in_time() -> None:
    """Bound what connections of this process wait for the server: somebody waits for each answer.

    Commands and workers have work that takes hours, and do not call this.
    """
    global _deadline
    _deadline = _ANSWER_SECONDS
    PooledConnection.deadline = settings.QUERY_TIMEOUT_MS / 1000 + _GRACE_SECONDS


def present(alias: str) -> str:
    """Return `alias`, or `default` where its URL is not set: then one role does everything."""
    return alias if alias in connections.settings else "default"


def breaks(error: IntegrityError, constraint: str) -> bool:
    """Tell whether it is this constraint that a row would break."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") == constraint


def reading() -> str:
    """Return the alias that questions are asked with."""
    return present("read")


@contextmanager
def bounded_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """Give a cursor of Django's readers for one question: it may take QUERY_TIMEOUT_MS and no longer."""
    alias = reading()
    with transaction.atomic(using=alias), connections[alias].cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(settings.QUERY_TIMEOUT_MS)])
        try:
            yield cursor
        except psycopg.errors.InsufficientPrivilege as error:
            error.add_note(f"asked as {connections[alias].settings_dict['USER']}")
            raise
