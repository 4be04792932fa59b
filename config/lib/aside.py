"""Lets a thread that answers a request wait without keeping anything that others need.

Where few threads work at a time, each has a seat. Whoever waits for long leaves it, and gives the database's
connections back to their pools.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from django.db import connections


class Seat(Protocol):
    """A place among the threads that work."""

    def leave(self) -> bool:
        """Let another thread work meanwhile; False where it must not be left, and so need not be taken again."""

    def take(self) -> None:
        """Work again, at once."""


#: The seat of the thread that asks.
seat: ContextVar[Seat | None] = ContextVar("seat", default=None)


@contextmanager
def aside() -> Iterator[None]:
    """Wait in this block: with neither a seat nor, outside of a transaction, a connection."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
    mine = seat.get()
    left = mine is not None and mine.leave()
    try:
        yield
    finally:
        if mine is not None and left:
            mine.take()
