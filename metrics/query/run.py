"""Asks the database for one answer: in bounded time, and with the moment up to which the answer is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor
from metrics.errors import QuestionTooLarge
from metrics.query.slots import slot
from metrics.query.smaller import shorter

SQL = sqlfile.load(__file__, "run.sql")
Cursor = psycopg.Cursor[Any]


@contextmanager
def asking(
    *, heavy: bool, sessions: bool = False, span: timedelta | None = None, hint: str | Callable[[], str] = ""
) -> Iterator[tuple[Cursor, datetime]]:
    """Give a cursor and `as_of`: every event accepted up to then is in what the cursor reads.

    A `heavy` question reads raw events or sessions: it waits until few others run, and raises TooBusy where that takes
    longer than QUERY_TIMEOUT_MS. `sessions` says that the answer is read from sessions, which follow the events a
    little later. Raises QuestionTooLarge where a statement takes longer than QUERY_TIMEOUT_MS; its message proposes a
    part of `span`, the length of the question's range, and ends with `hint`.
    """
    try:
        with slot() if heavy else bounded_cursor() as cursor:
            as_of = _as_of(cursor, sessions=sessions)
            if heavy and not sessions:
                cursor.execute(SQL["in_bulk"])
            yield cursor, as_of
    except psycopg.errors.QueryCanceled as error:
        raise QuestionTooLarge(_advice(span, hint)) from error


def _as_of(cursor: Cursor, *, sessions: bool) -> datetime:
    # In a statement of its own, so that what the next one sees is not older than this moment.
    ((seen,),) = cursor.execute(SQL["seen"]).fetchall()
    known = {"seen": seen, "sessions": sessions, "broker": settings.BUS_IS_BROKER}
    ((as_of,),) = cursor.execute(SQL["as_of"], known).fetchall()
    return as_of


def _advice(span: timedelta | None, hint: str | Callable[[], str]) -> str:
    fits = f"a range of {shorter(span)} may fit" if span else "ask for a shorter range"
    told = hint() if callable(hint) else hint
    return f"The question took longer than {settings.QUERY_TIMEOUT_MS / 1000:g} s; {fits}. {told}".rstrip()
