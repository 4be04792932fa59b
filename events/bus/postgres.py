"""The gateway's side of the bus in Postgres: an inbox table. See `inbox.sql` for what each step does to it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from config.lib.bounded import BoundedConnection
from events.bus.base import BusFull, BusUnavailable
from events.bus.gauge import Gauge, Reading
from events.bus.group_commit import GroupCommit
from events.bus.merge import merge
from events.bus.wire import pack_rejects
from events.contracts import Batch, Depth

SQL = sqlfile.load(__file__, "inbox.sql")
#: Gateways count in one of this many rows.
_WRITERS = 64

#: Opens a connection; `within` is how many seconds that may take.
Connect = Callable[..., BoundedConnection]


class InboxBus:
    """The gateway's side. Safe to share between threads; each process opens one connection, when first used.

    `deadline` (seconds) is what an append takes at most, connecting included: a request waits for it.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        max_events: int,
        max_bytes: int,
        max_age: float = math.inf,
        deadline: float,
        observe: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._connect = connect
        self._connection: BoundedConnection | None = None
        self._deadline = deadline
        self._gauge = Gauge(self._reading, max_events=max_events, max_bytes=max_bytes, max_age=max_age)
        self._group = GroupCommit(self._write, deadline=deadline, observe=observe)
        # Writers count in rows of their own, so that two processes seldom wait for one counter.
        self._slot = -1 - os.getpid() % _WRITERS

    def append(self, batch: Batch) -> None:
        """Return when the batch is committed."""
        self._group.submit(batch)

    def depth(self) -> Depth:
        """Return what waits. Opens a connection of its own: the other one belongs to the committing thread."""
        with self._connect(within=self._deadline / 2) as connection:
            return read_depth(connection.cursor()).depth

    def parked(self) -> int:
        """Return how many events of suspects wait."""
        with self._connect(within=self._deadline / 2) as connection:
            row = connection.execute(SQL["parked"]).fetchone()
        assert row is not None
        return int(row[0])

    def left(self, cursor: psycopg.Cursor[Any], since: datetime) -> int:
        """Return what waits in the inbox, whenever it came."""
        row = cursor.execute(SQL["left"]).fetchone()
        assert row is not None
        return int(row[0])

    def trouble(self) -> str:
        """Ask the database."""
        try:
            self.depth()
        except psycopg.Error:
            return "unreachable"
        return ""

    def _write(self, batches: Sequence[Batch]) -> None:
        """Append; once more where the connection had died since it was last used, as after a server's restart.

        Should the first attempt have got through after all, its events come twice, and their ids tell.
        """
        used, started = self._connection is not None, time.monotonic()
        try:
            self._append(batches)
        except BusUnavailable:
            now = time.monotonic()
            if not used or now - started > self._group.until - now:
                raise
            self._append(batches)

    def _append(self, batches: Sequence[Batch]) -> None:
        with self._ours() as connection:
            if retry_after := self._gauge.retry_after():
                raise BusFull(retry_after=retry_after)
            merged = list(merge(batches))
            # One statement is its own transaction; several need one around them.
            with connection.transaction() if len(merged) > 1 else nullcontext():
                for batch in merged:
                    self._insert(connection.cursor(), batch)
            self._gauge.added(sum(batch.accepted for batch in merged), sum(batch.size for batch in merged))

    def _insert(self, cursor: psycopg.Cursor[Any], batch: Batch) -> None:
        cursor.execute(
            SQL["append"],
            {
                "slot": self._slot,
                "project_id": batch.project_id,
                "lane": batch.lane.value,
                "events": batch.events,
                "rejected": len(batch.rejects),
                "bytes": batch.size,
                "rows": batch.rows,
                "rejects": pack_rejects(batch.rejects) if batch.rejects else None,
            },
        )

    @contextmanager
    def _ours(self) -> Iterator[BoundedConnection]:
        """Give the committing thread's connection; drop it after an error, so that the next caller gets a new one."""
        until = self._group.until
        try:
            if self._connection is None:
                self._connection = self._connect(within=until - time.monotonic())
            self._connection.until = until
            yield self._connection
        except psycopg.Error as error:
            self._drop()
            raise BusUnavailable(retry_after=1) from error

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _reading(self) -> Reading:
        assert self._connection is not None, "the gauge is read within a write"
        return read_depth(self._connection.cursor())


def read_depth(cursor: psycopg.Cursor[Any]) -> Reading:
    """Read the bus's depth through `cursor`."""
    row = cursor.execute(SQL["depth"]).fetchone()
    assert row is not None
    events, size, removed, oldest, fresh, now = row
    age, fresh_age = ((now - since).total_seconds() if since else 0.0 for since in (oldest, fresh))
    return Reading(Depth(events, size, age, oldest, fresh_age), removed)
