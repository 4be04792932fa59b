"""A processor's side of the bus in a broker. See `broker.sql` for the account that it keeps in Postgres."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from events.bus.base import SLOT_SPACE
from events.bus.broker_holding import Holding
from events.bus.broker_link import BrokerLost
from events.bus.broker_message import Message
from events.bus.slots import lock_slot
from events.bus.strikes import Strikes
from events.contracts import Claimed

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "broker.sql")
#: At most this many bytes are read ahead, and held by one claim.
_CLAIM_BYTES = 16 << 20
#: Seconds that a claim waits for a first message; between two times that all is read; that a look is good for.
_PATIENCE, _CATCH_UP_SECONDS, _LOOK_SECONDS = 0.1, 0.5, 0.5
#: Seconds that a queue's follower may be behind its leader: in a cluster, it delivers to the consumers of its node.
_MARGIN_SECONDS = 0.25
#: Seconds for which claims hold one project's batches only, after several were refused together.
_WARY_SECONDS = 30.0


class BrokerConsumer:
    """A processor's side: a slot in Postgres as every processor has, and the messages of `holding`.

    It takes over `connection`, which commits by itself. When that is lost, the next consumer goes on with the same
    holding: to the broker nothing has happened.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], holding: Holding) -> None:
        self._connection = connection
        self._holding = holding
        self._strikes = Strikes()
        self.busy = False
        self._wary_until = 0.0
        self._told: tuple[Any, ...] = ()
        self._caught_up_at = self._looked_at = 0.0
        self.slot = lock_slot(connection)
        # Before the first message can come: whoever sees more consumers than accounts knows that some is missing.
        self._tell(all_read=False)

    def claim(self, max_events: int) -> Sequence[int]:
        """Hold some messages; an attempt at one that was delivered before is counted durably."""
        if not self._holding.is_open:
            self._execute("reap", own=self._holding.id)
            self._told = ()
            self._tell(all_read=False)
            self._holding.open()
        all_read = self._holding.read(patience=_PATIENCE, events=max_events, size=_CLAIM_BYTES)
        chosen = self._holding.choose(
            events=max_events,
            size=_CLAIM_BYTES,
            resting=self._strikes.resting(),
            one_project=time.monotonic() < self._wary_until,
        )
        self.busy = not all_read or self._holding.behind
        try:
            self._tell(all_read)
            self._look()
            # Last: what fails before it was no attempt.
            self._count_attempts(chosen)
        except BaseException:
            self._holding.give_back(one.number for one in chosen)
            raise
        return [one.number for one in chosen]

    def take(self, cursor: psycopg.Cursor[Any], ids: Sequence[int]) -> list[Claimed]:
        """Read those messages that are still ours: the broker may have given up on this processor."""
        try:
            self._holding.read(patience=0.001, events=2**31, size=2 * _CLAIM_BYTES)
        except BrokerLost as error:
            logger.warning("a claim was lost: %s", error)
        return [Claimed(one.number, one.attempts, one.batch()) for one in self._holding.claimed(ids)]

    def settle(self, cursor: psycopg.Cursor[Any], claimed: Sequence[Claimed]) -> None:
        """Enter the batches in the books. Where none is ours any more, the account of them stays until it is reaped."""
        if not claimed:
            return
        ids = [one.id for one in claimed]
        suspects = [one.id for one in self._holding.claimed(ids) if one.delivered_before]
        events, size, oldest_at = _sum(self._holding.held(but=ids))
        params = {
            "holder": self._holding.id,
            "slot": self.slot,
            "messages": len(claimed),
            "events": sum(one.batch.accepted for one in claimed),
            "bytes": sum(one.batch.size for one in claimed),
            "suspects": suspects,
            "held_events": events,
            "held_bytes": size,
            "oldest_at": oldest_at,
        }
        cursor.execute(SQL["settle"], params)
        self._told = ()

    def confirm(self, ids: Sequence[int]) -> None:
        """Acknowledge the messages. If that fails they come again, as duplicates."""
        self._strikes.stored({one.project_id for one in self._holding.claimed(ids)})
        try:
            self._holding.acknowledge(ids)
        except BrokerLost as error:
            logger.warning("settled messages will come again: %s", error)

    def park(self, ids: Sequence[int], seconds: float) -> None:
        """Keep the messages back for `seconds`, and then claim each alone.

        One is a strike against its project. After several, claims hold one project only for a while, as the inbox's.
        """
        self._uncount_attempts(ids)
        claimed = self._holding.claimed(ids)
        if len(claimed) == 1:
            self._strikes.refused(claimed[0].project_id, seconds)
        else:
            self._wary_until = time.monotonic() + _WARY_SECONDS
        self._holding.give_back(ids, after=seconds, alone=True)

    def release(self, ids: Sequence[int]) -> None:
        """Keep the messages for the next claim, with the attempt uncounted: the broker hears nothing of it."""
        self._uncount_attempts(ids)
        self._holding.give_back(ids)

    def recover(self) -> int:
        """Forget the accounts of those who died; their messages are the broker's to give to others: returns 0."""
        self._execute("reap", own=None)
        return 0

    def close(self) -> None:
        """Close the session in Postgres. The messages stay in the holding."""
        try:
            if not self._connection.closed:
                self._execute("reap", own=self._holding.id)
        except psycopg.Error:
            pass  # Somebody reaps it when the session is gone.
        self._connection.close()

    def _count_attempts(self, chosen: Sequence[Message]) -> None:
        for message in chosen:
            if message.delivered_before:
                row = self._execute("count_attempt", message=message.id).fetchone()
                assert row is not None
                message.attempts = row[0]

    def _uncount_attempts(self, ids: Sequence[int]) -> None:
        for message in self._holding.claimed(ids):
            if message.delivered_before:
                self._execute("uncount_attempt", message=message.id)

    def _tell(self, all_read: bool) -> None:
        """Write down what is held where that has changed; now and then, that it is all that was sent."""
        looked_at = self._catch_up() if all_read else None
        events, size, oldest_at = held = _sum(self._holding.held())
        if looked_at is not None or held != self._told:
            self._execute("hold", events=events, bytes=size, oldest_at=oldest_at, looked_at=looked_at)
            self._told = held

    def _catch_up(self) -> datetime | None:
        """Read all that was sent, unless that was done a moment ago; return a moment before that, the database's."""
        if time.monotonic() - self._caught_up_at < _CATCH_UP_SECONDS:
            return None
        row = self._execute("now").fetchone()
        assert row is not None
        whole = self._holding.catch_up()
        self._caught_up_at = time.monotonic()
        return row[0] if whole else None

    def _look(self) -> None:
        """See whether the broker is empty, if no processor has looked lately."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        if row := self._execute("begin_look", every=_LOOK_SECONDS).fetchone():
            at, holders = row
            seen = self._holding.counts()
            # A queue in trouble says that it has no messages, and no consumers either.
            whole = seen.fewest_consumers == seen.most_consumers == holders
            self._execute("end_look", at=at, ready=seen.ready, whole=whole, margin=_MARGIN_SECONDS)

    def _execute(self, block: str, **params: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        ours = {"holder": self._holding.id, "slot": self.slot, "space": SLOT_SPACE}
        return self._connection.execute(SQL[block], ours | params)


def _sum(messages: Sequence[Message]) -> tuple[int, int, datetime | None]:
    """Return events, bytes, and when the oldest was accepted."""
    oldest = min((one.accepted_at for one in messages), default=None)
    return sum(one.events for one in messages), sum(one.size for one in messages), oldest
