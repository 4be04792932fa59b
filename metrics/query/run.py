"""Asks the database for one answer: in bounded time, and with the moment up to which the answer is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from django.conf import settings

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor
from metrics.errors import QuestionTooLarge
from metrics.query.slots import slot
from metrics.query.smaller import shorter

SQL = sqlfile.load(__file__, "run.sql")
Cursor = psycopg.Cursor[Any]


class Seen(NamedTuple):
    """What an answer can know: every event accepted up to `as_of` is in it.

    `waits`: some stored events are not in what it is read from yet. When they are, no version will tell.
    """

    as_of: datetime
    waits: bool = False


@contextmanager
def asking(
    *, heavy: bool, sessions: bool = False, span: timedelta | None = None, hint: str | Callable[[], str] = ""
) -> Iterator[tuple[Cursor, Seen]]:
    """Give a cursor, and what is seen through it.

    A `heavy` question reads raw events or sessions: it waits until few others run, and raises TooBusy where that takes
    longer than QUERY_TIMEOUT_MS. `sessions` says that the answer is read from sessions, which follow the events a
    little later. Raises QuestionTooLarge where a statement takes longer than QUERY_TIMEOUT_MS; its message proposes a
    part of `span`, the length of the question's range, and ends with `hint`.
    """
    try:
        with slot() if heavy else bounded_cursor() as cursor:
            seen = _seen(cursor, sessions=sessions)
            if heavy and not sessions:
                cursor.execute(SQL["in_bulk"])
            yield cursor, seen
    except psycopg.errors.QueryCanceled as error:
        raise QuestionTooLarge(_advice(span, hint)) from error


def _seen(cursor: Cursor, *, sessions: bool) -> Seen:
    # In a statement of its own, so that what the next one sees is not older than this moment.
    ((seen,),) = cursor.execute(SQL["seen"]).fetchall()
    known = {"seen": seen, "sessions": sessions, "broker": settings.BUS_IS_BROKER}
    ((as_of, waits),) = cursor.execute(SQL["as_of"], known).fetchall()
    return Seen(as_of, waits)


def _advice(span: timedelta | None, hint: str | Callable[[], str]) -> str:
    fits = f"a range of {shorter(span)} may fit" if span else "ask for a shorter range"
    told = hint() if callable(hint) else hint
    return f"The question took longer than {settings.QUERY_TIMEOUT_MS / 1000:g} s; {fits}. {told}".rstrip()
