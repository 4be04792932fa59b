"""The two connections of a move."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from config.lib import sqlfile
from config.lib.postgres import BoundedConnection, connect
from config.moving.compare import Link

SQL = sqlfile.load(__file__, "ends.sql")
NAME = "copy_to"
#: Seconds: for connecting and for a network that is silent, and for one statement over a whole table.
_SILENCE, _DEADLINE = 30.0, 86_400.0
T = TypeVar("T")


def open_link(alias: str) -> Link:
    """Open a connection to one of Django's databases, in autocommit."""
    link = connect(name=NAME, alias=alias, autocommit=True, deadline=_SILENCE)
    assert isinstance(link, BoundedConnection)
    link.deadline = _DEADLINE
    link.execute(SQL["settle"])
    link.execute(SQL["unbound_columnstore"])
    return link


def take_snapshot(source: Link) -> None:
    """Let everything that is read from now on belong to one moment, as pg_dump does."""
    source.autocommit = False
    source.read_only = True
    source.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    source.execute(SQL["hold_events"])


def at_both(source: Link, target: Link, ask: Callable[[Link], T]) -> tuple[T, T]:
    """Ask both servers at the same time; return their answers."""
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(ask, target)
        try:
            return ask(source), there.result()
        except BaseException:
            # The pool waits for its thread: a question of hours must not outlive a Ctrl-C.
            target.cancel_safe()
            raise
