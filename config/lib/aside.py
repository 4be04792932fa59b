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

    def take(self, *, at_once: bool) -> None:
        """Work again: at once, or when one of those who work has finished."""


#: The seat of the thread that asks.
seat: ContextVar[Seat | None] = ContextVar("seat", default=None)


@contextmanager
def aside(*, at_once: bool = True) -> Iterator[None]:
    """Wait in this block: with neither a seat nor, outside of a transaction, a connection.

    Who has, or will have, what others wait for goes on `at_once` afterwards, even where as many work as may: those who
    have the seats may be the ones who wait for it. All others queue for a seat.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
    mine = seat.get()
    left = mine is not None and mine.leave()
    try:
        yield
    finally:
        if mine is not None and left:
            mine.take(at_once=at_once)
