"""Lets few heavy statements run at a time, over all gateways: each keeps a core busy, and ingest needs some, too.

A slot is an advisory lock in the database that does the work, held by the transaction that asks. One thread of a
process waits for it there. The others stand in line, and have neither a connection nor a seat among those who work.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from config import embedded
from config.lib import sqlfile
from config.lib.aside import aside
from config.lib.niceness import be_nice
from config.lib.postgres import connect, reading
from metrics.errors import TooBusy
from metrics.query.patience import waits_until

SQL = sqlfile.load(__file__, "slots.sql")
Cursor = psycopg.Cursor[Any]
#: Of advisory locks.
SLOT_SPACE = 7312
#: Threads of a process that may wait. Waiting costs little, being refused and asking again at once does not.
_MOST_WAITING = 64
#: The shares of QUERY_TIMEOUT_MS between which one waits: many who came together would be refused together, ask again
#: together, and hold up events each time.
_PATIENCE = (0.5, 1.0)
#: Seconds for which one slot of several is waited for, before the others are tried again.
_LOOK_SECONDS = 0.2
#: Seconds in which the server must have taken a connection.
_CONNECT_SECONDS = 0.5


class Line:
    """Threads in the order in which they came; one at a time has its turn."""

    def __init__(self, most: int = _MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, until: float) -> Iterator[None]:
        """Wait for the thread's turn, which ends with the block. Raises TooBusy at `until` (monotonic), or if full."""
        mine = self._join()
        try:
            if not mine.wait(max(0.0, until - time.monotonic())):
                raise _too_busy()
            yield
        finally:
            self._leave(mine)

    def _join(self) -> threading.Event:
        mine = threading.Event()
        with self._lock:
            if len(self._waiting) >= self._most:
                raise _too_busy()
            self._waiting.append(mine)
            self._waiting[0].set()
        return mine

    def _leave(self, mine: threading.Event) -> None:
        with self._lock:
            self._waiting.remove(mine)
            if self._waiting:
                self._waiting[0].set()


_line = Line()


@contextmanager
def slot() -> Iterator[Cursor]:
    """Give a cursor for a heavy question, which has a slot and a connection of its own, both until the block ends.

    A statement may take QUERY_TIMEOUT_MS. Raises TooBusy where no slot was free for about so long, or the question has
    waited too long for other things.
    """
    patience = random.uniform(*_PATIENCE) * settings.QUERY_TIMEOUT_MS / 1000
    until = min(time.monotonic() + patience, waits_until())
    with ExitStack() as held:
        with aside(), _line.turn(until):
            link = held.enter_context(_connected())
            _take(link, until)
        link.execute(SQL["alone"])
        yield link.cursor()


@contextmanager
def _connected() -> Iterator[psycopg.Connection[Any]]:
    seconds, alias = settings.QUERY_TIMEOUT_MS / 1000, reading()
    with connect(
        name="question", alias=alias, deadline=seconds, within=_CONNECT_SECONDS, adapted=True
    ) as link:
        if connections[alias].settings_dict["HOST"] == str(embedded.socket_folder(settings.DATA_DIR)):
            be_nice(link.info.backend_pid)
        try:
            yield link
        except psycopg.errors.InsufficientPrivilege as error:
            error.add_note(f"asked as {link.info.user}")
            raise


def _take(link: psycopg.Connection[Any], until: float) -> None:
    known = {"space": SLOT_SPACE, "slots": settings.QUERY_SLOTS}
    while not link.execute(SQL["take"], known).fetchone():
        if (left := until - time.monotonic()) <= 0:
            raise _too_busy()
        # Of several, another may be free before the one that is waited for.
        patience = left if settings.QUERY_SLOTS == 1 else min(left, _LOOK_SECONDS)
        if _waited(link, random.randrange(settings.QUERY_SLOTS), patience):
            return


def _waited(link: psycopg.Connection[Any], number: int, patience: float) -> bool:
    """Wait for one slot for so many seconds; tell whether it was had."""
    try:
        link.execute(SQL["be_patient"], {"milliseconds": str(max(1, int(patience * 1000)))})
        link.execute(SQL["wait"], {"space": SLOT_SPACE, "slot": number})
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        link.rollback()
        return False
    return True


def _too_busy() -> TooBusy:
    return TooBusy(retry_after=random.uniform(*_PATIENCE) * settings.QUERY_TIMEOUT_MS / 1000)
