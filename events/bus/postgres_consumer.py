"""A processor's side of the bus in Postgres: claims rows of the inbox. See `inbox.sql` for what each step does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from config.lib import sqlfile
from events.bus.base import SLOT_SPACE
from events.bus.slots import lock_slot
from events.bus.strikes import Strikes
from events.bus.turns import Turns
from events.bus.unreadable import unreadable
from events.bus.wire import unpack_rejects
from events.contracts import Batch, Claimed, Lane

SQL = sqlfile.load(__file__, "inbox.sql")
#: A claim looks at this many batches of this many projects, but at some of each, and holds this many bytes.
_CLAIM_BATCHES, _CLAIM_PROJECTS, _CLAIM_LEAST = 500, 64, 16
_CLAIM_BYTES = 16 << 20
#: So many batches of projects that rest are set aside, or woken, by one statement.
_SOME = 10_000
#: Seconds for which claims hold one project's batches only, after several were refused together.
_WARY_SECONDS = 30.0


class InboxConsumer:
    """A processor's side: holds one slot for its whole life, by a session lock that dies with the process.

    It takes over `connection`, which commits by itself; the pipeline may use it between the calls.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], *, lease: float) -> None:
        self._lease = lease
        self._connection = connection
        self._turns = Turns()
        self._strikes = Strikes()
        #: The claim's batches, with their projects.
        self._held: dict[int, int] = {}
        self._wary_until = 0.0
        self._suspects_first = self._alone = self.busy = False
        #: Where the last claim stopped looking, and how many projects it saw.
        self._after, self._seen = 0, 1
        self.slot = lock_slot(connection)
        self.recover(own=True)

    def claim(self, max_events: int) -> Sequence[int]:
        """Hold some batches, or one suspect, and count the attempt durably. Suspects have every other turn."""
        self._suspects_first = not self._suspects_first
        self._alone = self.busy = False
        ways = [self._claim_suspect, lambda: self._claim_fresh(max_events)]
        with self._connection.transaction():
            self._execute("walk_in_order")
            if resting := self._strikes.resting():
                self._execute("rest", resting=resting, some=_SOME)
            for way in ways if self._suspects_first else reversed(ways):
                if claimed := way():
                    self._held = claimed
                    return sorted(claimed)
        return []

    def _claim_suspect(self) -> dict[int, int]:
        claimed = dict(self._execute("claim_suspect", resting=self._strikes.resting()).fetchall())
        self._alone = self.busy = bool(claimed)
        return claimed

    def _claim_fresh(self, max_events: int) -> dict[int, int]:
        share = self._share()
        rows = self._look(max_events, share)
        if not rows and self._after:
            self._after = 0
            rows = self._look(max_events, share)
        if rows:
            *_, self._seen, last, looked_at = rows[0]
            self._after = last if self._seen == _CLAIM_PROJECTS else 0
            most = max(Counter(project_id for _, project_id, *_ in rows).values())
            # What was not looked at is more as well: of projects beyond these, or beyond a project's share.
            self.busy = looked_at > len(rows) or self._after > 0 or most >= share
        rows.sort()
        self._turns.taken([(project_id, events) for _, project_id, events, *_ in rows])
        return {id: project_id for id, project_id, *_ in rows}

    def _share(self) -> int:
        """Return at how many batches of each project to look, by how many projects waited at the last claim."""
        return max(_CLAIM_BATCHES // self._seen, _CLAIM_LEAST)

    def _look(self, max_events: int, share: int) -> list[tuple[int, ...]]:
        """Claim among the projects after `_after`: (id, project, events, projects seen, the last, batches seen)."""
        return self._execute(
            "claim",
            after=self._after,
            projects=_CLAIM_PROJECTS,
            share=share,
            in_debt=list(self._turns.ahead),
            ahead=list(self._turns.ahead.values()),
            resting=self._strikes.resting(),
            one_project=time.monotonic() < self._wary_until,
            events=max_events,
            bytes=_CLAIM_BYTES,
        ).fetchall()

    def take(self, cursor: psycopg.Cursor[Any], ids: Sequence[int]) -> list[Claimed]:
        """Read and lock the batches that are still ours."""
        cursor.execute(SQL["take"], {"ids": list(ids), "slot": self.slot}, binary=True)
        return [read_claimed(*row) for row in cursor.fetchall()]

    def settle(self, cursor: psycopg.Cursor[Any], claimed: Sequence[Claimed]) -> None:
        """Remove the batches from the bus."""
        cursor.execute(SQL["settle"], {"ids": [one.id for one in claimed], "slot": self.slot})

    def confirm(self, ids: Sequence[int]) -> None:
        """Forget what was held against the projects: the commit has removed their batches as well.

        Where a suspect went through, what only waited with it is suspected no longer.
        """
        projects = {self._held[id] for id in ids if id in self._held}
        self._strikes.stored(projects)
        if self._alone and projects:
            self._execute("wake", projects=list(projects), some=_SOME)

    def park(self, ids: Sequence[int], seconds: float) -> None:
        """Give the batches back as suspects, not to be claimed for `seconds`.

        One alone is a strike against its project. Where there were several, nobody knows whose fault it was: for a
        while claims hold one project only, so that a bad one does not make suspects of all the others' batches.
        """
        self._execute("park", ids=list(ids), seconds=seconds)
        if len(ids) > 1:
            self._wary_until = time.monotonic() + _WARY_SECONDS
        for id in ids if len(ids) == 1 else ():
            self._strikes.refused(self._held[id], seconds)

    def release(self, ids: Sequence[int]) -> None:
        """Give the batches back with the attempt uncounted."""
        self._execute("release", ids=list(ids))

    def recover(self, *, own: bool = False) -> int:
        """Free what dead or frozen processors hold; `own` includes what this slot's former holder left."""
        return self._execute("recover", own=own, lease=self._lease, space=SLOT_SPACE).rowcount

    def close(self) -> None:
        """Close the session: the slot is free at once."""
        self._connection.close()

    def _execute(self, block: str, **params: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.execute(SQL[block], {"slot": self.slot, **params})


def read_claimed(
    id: int, attempts: int, project_id: int, lane: str, events: int, rows: bytes, rejects: bytes | None
) -> Claimed:
    """Return the batch that a row of the inbox holds; dead letters where it cannot be read."""
    try:
        kept = unpack_rejects(rejects) if rejects else ()
    except (msgspec.MsgspecError, ValueError) as error:
        lost = unreadable(project_id, lane, events, bytes(rejects or b""), error, rows=bytes(rows))
        return Claimed(id, attempts, lost)
    return Claimed(id, attempts, Batch(project_id, Lane(lane), events - len(kept), bytes(rows), kept))
