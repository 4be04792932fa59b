"""What the gateway asks the database on the way in: one connection a process, and never longer than a client waits.

It is not Django's: that one must wait for questions of seconds, and its pool for connections.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings

from config.lib.bounded import BoundedConnection
from config.lib.postgres import connect

#: While the database is away, one caller in so many seconds tries; the others hear of it at once.
_RETRY_SECONDS = 0.5


class Lookups:
    """One connection, for one thread at a time. `connect` is called with `within`, the seconds it may take."""

    def __init__(self, connect: Callable[..., BoundedConnection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._connection: BoundedConnection | None = None
        self._failed_at = -_RETRY_SECONDS

    @contextmanager
    def cursor(self, within: float) -> Iterator[psycopg.Cursor[Any]]:
        """Give a cursor that commits by itself, for `within` seconds: waiting for it and connecting count.

        Raises psycopg.OperationalError where the database is away, and passes on what the block raises. After an
        error of the database's the connection is a new one.
        """
        until = time.monotonic() + within
        self._check_cooling()
        if not self._lock.acquire(timeout=within):
            raise psycopg.OperationalError("the database did not answer in time")
        try:
            self._check_cooling()
            yield self._ready(until).cursor()
        except psycopg.Error as error:
            self._drop()
            if isinstance(error, psycopg.OperationalError):
                self._failed_at = time.monotonic()
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._drop()
            self._failed_at = -_RETRY_SECONDS

    def _check_cooling(self) -> None:
        if time.monotonic() - self._failed_at < _RETRY_SECONDS:
            raise psycopg.OperationalError("the database did not answer a moment ago")

    def _ready(self, until: float) -> BoundedConnection:
        if self._connection is not None and _has_ended(self._connection):
            self._drop()
        if self._connection is None:
            self._connection = self._connect(within=max(0.0, until - time.monotonic()))
        self._connection.until = until
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _has_ended(connection: BoundedConnection) -> bool:
    """Tell whether the server said something while nobody asked: mostly that it hung up, as after its restart."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def connected(within: float) -> BoundedConnection:
    """Return a connection of the gateway's, made in `within` seconds. Raises psycopg.OperationalError."""
    deadline = settings.ACK_DEADLINE_MS / 1000
    return connect(
        name="lookups", alias="gateway", autocommit=True, deadline=deadline, within=within, prepare=True
    )


lookups = Lookups(connected)
