"""A processor's side of the bus in Postgres: claims rows of the inbox. See `inbox.sql` for what each step does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import psycopg

from config.lib import sqlfile
from events.bus.wire import unpack_rejects
from events.contracts import Batch, Claimed, Lane, Reject, reject_id
from events.reasons import Reason, Stage

SQL = sqlfile.load(__file__, "inbox.sql")
#: The advisory-lock space of processor slots. Health checks look for it in pg_locks.
SLOT_SPACE = 7301
SLOTS = 64
#: At most this many rows are looked at, and this many bytes held, by one claim.
_CLAIM_BATCHES = 500
_CLAIM_BYTES = 16 << 20


class InboxConsumer:
    """A processor's side: holds one slot for its whole life, by a session lock that dies with the process.

    It takes over `connection`, which commits by itself; the pipeline may use it between the calls.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], *, lease: float) -> None:
        self._lease = lease
        self._connection = connection
        self.slot = self._lock_slot()
        self.recover(own=True)

    def claim(self, max_events: int) -> Sequence[int]:
        """Hold some batches and count the attempt, durably."""
        rows = self._execute(
            "claim", batches=_CLAIM_BATCHES, events=max_events, bytes=_CLAIM_BYTES
        ).fetchall()
        return sorted(row[0] for row in rows)

    def take(self, cursor: psycopg.Cursor[Any], ids: Sequence[int]) -> list[Claimed]:
        """Read and lock the batches that are still ours."""
        cursor.execute(SQL["take"], {"ids": list(ids), "slot": self.slot}, binary=True)
        return [_claimed(*row) for row in cursor.fetchall()]

    def settle(self, cursor: psycopg.Cursor[Any], claimed: Sequence[Claimed]) -> None:
        """Remove the batches from the bus."""
        cursor.execute(SQL["settle"], {"ids": [one.id for one in claimed], "slot": self.slot})

    def confirm(self, ids: Sequence[int]) -> None:
        """Do nothing: the commit that stored the events has removed their batches as well."""

    def park(self, ids: Sequence[int], seconds: float) -> None:
        """Give the batches back, not to be claimed for `seconds`."""
        self.release(ids)

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
        kept = unpack_rejects(rejects) if rejects else ()
    except (msgspec.MsgspecError, ValueError) as error:
        return Claimed(id, attempts, _unreadable(project_id, lane, events, bytes(rejects or b""), error))
    return Claimed(id, attempts, Batch(project_id, Lane(lane), events - len(kept), bytes(rows), kept))


def _unreadable(project_id: int, lane: str, events: int, raw: bytes, error: Exception) -> Batch:
    """Turn a batch that cannot be read into dead letters, as many as it had events: the books must balance."""
    message = f"The batch cannot be read: {error}"
    first = Reject(Stage.PROCESSOR, Reason.DATABASE_REFUSED, message, raw, id=reject_id(raw))
    others = (replace(first, raw=b"", id=reject_id(raw, number)) for number in range(1, events))
    return Batch(project_id, Lane(lane), 0, b"", (first, *others))
