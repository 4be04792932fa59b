"""The bus in Postgres: an inbox table. See `inbox.sql` for what each step does to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import groupby
from typing import Any

import msgspec
import psycopg

from config.lib import sqlfile
from events.bus.base import BusFull, BusUnavailable
from events.bus.gauge import Gauge, Reading
from events.bus.group_commit import GroupCommit
from events.contracts import Batch, Claimed, Depth, Lane, Reject
from events.reasons import Reason, Stage

SQL = sqlfile.load(__file__, "inbox.sql")
#: The advisory-lock space of processor slots. Health checks look for it in pg_locks.
SLOT_SPACE = 7301
SLOTS = 64
#: At most this many rows are looked at, and this many bytes held, by one claim.
_CLAIM_BATCHES = 500
_CLAIM_BYTES = 16 << 20

Connect = Callable[[], psycopg.Connection[tuple[Any, ...]]]
_encode_rejects = msgspec.msgpack.Encoder().encode
_decode_rejects = msgspec.msgpack.Decoder(tuple[Reject, ...]).decode


class InboxBus:
    """The gateway's side. Safe to share between threads; each process opens one connection, when first used."""

    def __init__(
        self,
        connect: Connect,
        *,
        max_events: int,
        max_bytes: int,
        deadline: float,
        observe: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._gauge = Gauge(self._reading, max_events=max_events, max_bytes=max_bytes)
        self._patience = deadline / 2
        self._group = GroupCommit(self._write, deadline=deadline, observe=observe)
        # Writers count in rows of their own, so that two processes seldom wait for one counter.
        self._slot = -1 - os.getpid() % SLOTS

    def append(self, batch: Batch) -> None:
        """Return when the batch is committed."""
        self._group.submit(batch)

    def depth(self) -> Depth:
        """Return what waits. Opens a connection of its own: the other one belongs to the committing thread."""
        with self._connect() as connection:
            return read_depth(connection.cursor()).depth

    def _write(self, batches: Sequence[Batch]) -> None:
        """Append; once more where the connection had died since it was last used, as after a server's restart.

        Should the first attempt have got through after all, its events come twice, and their ids tell.
        """
        used, started = self._connection is not None, time.monotonic()
        try:
            self._append(batches)
        except BusUnavailable:
            if not used or time.monotonic() - started > self._patience:
                raise
            self._append(batches)

    def _append(self, batches: Sequence[Batch]) -> None:
        with self._ours() as connection:
            if retry_after := self._gauge.retry_after():
                raise BusFull(retry_after=retry_after)
            merged = list(_merge(batches))
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
                "rejects": _encode_rejects(batch.rejects) if batch.rejects else None,
            },
        )

    @contextmanager
    def _ours(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Give the committing thread's connection; drop it after an error, so that the next caller gets a new one."""
        try:
            if self._connection is None:
                self._connection = self._connect()
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
    events, size, removed, oldest, now = row
    age = (now - oldest).total_seconds() if oldest else 0.0
    return Reading(Depth(events, size, age, oldest), removed)


def _merge(batches: Sequence[Batch]) -> Iterator[Batch]:
    """Join batches of one project and lane: fewer, larger rows are cheaper to write and to claim."""

    def owner(batch: Batch) -> tuple[int, str]:
        return batch.project_id, batch.lane.value

    for (project_id, lane), group in groupby(sorted(batches, key=owner), key=owner):
        parts = list(group)
        yield Batch(
            project_id=project_id,
            lane=Lane(lane),
            events=sum(part.events for part in parts),
            rows=b"".join(part.rows for part in parts),
            rejects=tuple(reject for part in parts for reject in part.rejects),
        )


class InboxConsumer:
    """A processor's side: holds one slot for its whole life, by a session lock that dies with the process.

    It takes over `connection`, which commits by itself; the pipeline may use it between the calls.
    """

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], *, max_events: int, lease: float
    ) -> None:
        self._max_events = max_events
        self._lease = lease
        self._connection = connection
        self.slot = self._lock_slot()
        self.recover(own=True)

    def claim(self) -> Sequence[int]:
        """Hold some batches and count the attempt, durably."""
        rows = self._execute(
            "claim", batches=_CLAIM_BATCHES, events=self._max_events, bytes=_CLAIM_BYTES
        ).fetchall()
        return sorted(row[0] for row in rows)

    def take(self, cursor: psycopg.Cursor[Any], ids: Sequence[int]) -> list[Claimed]:
        """Read and lock the batches that are still ours."""
        cursor.execute(SQL["take"], {"ids": list(ids), "slot": self.slot}, binary=True)
        return [_claimed(*row) for row in cursor.fetchall()]

    def settle(self, cursor: psycopg.Cursor[Any], claimed: Sequence[Claimed]) -> None:
        """Remove the batches from the bus."""
        cursor.execute(SQL["settle"], {"ids": [one.id for one in claimed], "slot": self.slot})

    def release(self, ids: Sequence[int]) -> None:
        """Give the batches back with the attempt uncounted."""
        self._execute("release", ids=list(ids))

    def recover(self, *, own: bool = False) -> int:
        """Free what dead or frozen processors hold; `own` includes what this slot's former holder left."""
        return self._execute("recover", own=own, lease=self._lease, space=SLOT_SPACE).rowcount

    def close(self) -> None:
        """Close the session: the slot is free at once."""
        self._connection.close()

    def _lock_slot(self) -> int:
        for slot in range(SLOTS):
            params = {"space": SLOT_SPACE, "slot": slot}
            row = self._connection.execute(SQL["lock_slot"], params).fetchone()
            if row and row[0]:
                return slot
        raise RuntimeError(f"all {SLOTS} processor slots are taken")

    def _execute(self, block: str, **params: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.execute(SQL[block], {"slot": self.slot, **params})


def _claimed(
    id: int, attempts: int, project_id: int, lane: str, events: int, rows: bytes, rejects: bytes | None
) -> Claimed:
    try:
        kept = _decode_rejects(rejects) if rejects else ()
    except (msgspec.MsgspecError, ValueError) as error:
        return Claimed(id, attempts, _unreadable(project_id, lane, events, bytes(rejects or b""), error))
    return Claimed(id, attempts, Batch(project_id, Lane(lane), events - len(kept), bytes(rows), kept))


def _unreadable(project_id: int, lane: str, events: int, raw: bytes, error: Exception) -> Batch:
    """Turn a batch that cannot be read into dead letters, as many as it had events: the books must balance."""
    message = f"The batch cannot be read: {error}"
    first = Reject(Stage.PROCESSOR, Reason.DATABASE_REFUSED, message, raw)
    return Batch(project_id, Lane(lane), 0, b"", (first, *[replace(first, raw=b"")] * (events - 1)))
