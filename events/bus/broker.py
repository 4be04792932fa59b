"""The gateway's side of the bus in a broker: quorum queues of RabbitMQ, publisher confirms.

A batch is acknowledged when a majority of the broker's nodes has it on disk. See `broker_topology.py` for the queues.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from events.bus.base import SLOT_SPACE, BusFull, BusUnavailable
from events.bus.broker_link import BrokerLost, drop
from events.bus.broker_message import encode, join
from events.bus.broker_publisher import Connect, Publisher, Refused
from events.bus.broker_topology import Counts, Topology, TopologyRefused, count
from events.bus.group_commit import GroupCommit
from events.contracts import Batch, Depth

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "broker.sql")
#: A full shard is left alone for this long: sending what will be refused costs as much as sending what will not.
_FULL_SECONDS = 0.25
_RETRY_AFTER = 5
#: Seconds that a look at the queues waits for each answer, and for others' looks: health is asked for it. What was
#: found is told again for so long.
_LOOK_SECONDS, _KEPT_SECONDS = 0.3, 0.5

Database = Callable[[], psycopg.Connection[tuple[Any, ...]]]


@dataclass(slots=True)
class _Sent:
    """What this process has published. Threads may lose a count to each other: it is for an estimate."""

    messages: int = 0
    events: int = 0
    bytes: int = 0

    def add(self, batches: Sequence[Batch]) -> None:
        """Count what was published."""
        self.messages += len(batches)
        self.events += sum(batch.accepted for batch in batches)
        self.bytes += sum(batch.size for batch in batches)

    @property
    def totals(self) -> tuple[int, int]:
        """Return events and bytes."""
        return self.events, self.bytes


class _Shard:
    """One queue: its writers share commits and a connection. A full one refuses none of its neighbours' batches."""

    def __init__(
        self, publisher: Publisher, sent: _Sent, *, deadline: float, observe: Callable[[float], object]
    ) -> None:
        self._publisher = publisher
        self._sent = sent
        self._full_until = 0.0
        self._group = GroupCommit(self._write, deadline=deadline, observe=observe)
        self.append = self._group.submit

    def _write(self, batches: Sequence[Batch]) -> None:
        if time.monotonic() < self._full_until:
            raise BusFull(retry_after=_RETRY_AFTER)
        try:
            self._publish(batches)
        except Refused:
            self._full_until = time.monotonic() + _FULL_SECONDS
            raise BusFull(retry_after=_RETRY_AFTER) from None
        except TopologyRefused as error:
            logger.critical("the broker's queues are not Sluice's: %s", error)
            raise BusUnavailable(retry_after=10) from error
        except BrokerLost as error:
            raise BusUnavailable(retry_after=1) from error

    def _publish(self, batches: Sequence[Batch]) -> None:
        """Publish; once more where the connection had died since it was last used, as after a broker's restart.

        Should the first attempt have got through after all, its events come twice, and their ids tell.
        """
        used, started, until = self._publisher.connected, time.monotonic(), self._group.until
        joined = list(join(batches))
        messages = [encode(batch) for batch in joined]
        try:
            self._publisher.publish(messages, until=until)
        except BrokerLost:
            now = time.monotonic()
            if not used or now - started > until - now:
                raise
            self._publisher.publish(messages, until=until)
        self._sent.add(joined)


class BrokerBus:
    """The gateway's side. Safe to share between threads; each shard opens a connection when first used.

    `database` is asked for what processors hold, and never on the way in: that goes on without it.
    """

    def __init__(
        self,
        connect: Connect,
        database: Database,
        topology: Topology,
        *,
        deadline: float,
        observe: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._database = database
        self._topology = topology
        self._sent = _Sent()
        self._onlooker = _Onlooker(connect, topology, deadline)
        self._shards = {
            queue: _Shard(Publisher(connect, topology, queue), self._sent, deadline=deadline, observe=observe)
            for queue in topology.queues
        }

    def append(self, batch: Batch) -> None:
        """Return when the broker has confirmed the batch."""
        self._shards[self._topology.queue_of(batch.project_id)].append(batch)

    def depth(self) -> Depth:
        """Return what waits: messages that are ready times events per message lately, and what processors hold.

        It may be half a second old.
        While the broker is away, its messages are those that it had when a processor last looked.
        """
        try:
            with self._database() as link:
                known = link.execute(SQL["known"]).fetchone()
        except psycopg.Error as error:
            raise BusUnavailable("What processors hold is not known.", retry_after=1) from error
        assert known is not None
        held_events, held_bytes, ready, mean_events, mean_bytes, oldest, now = known
        if mean_events is None:
            # No processor has settled anything yet: what was sent from here is all there is to judge by.
            mean_events, mean_bytes = (total / max(1, self._sent.messages) for total in self._sent.totals)
        try:
            ready = self._onlooker.count().ready
        except BrokerLost:
            logger.warning("the broker cannot be asked; its last known depth is told")
        events, size = round(held_events + ready * mean_events), round(held_bytes + ready * mean_bytes)
        if not events:
            return Depth(0, 0, 0.0)
        since = oldest or now
        return Depth(events, size, max(0.0, (now - since).total_seconds()), since)

    def parked(self) -> int:
        """Return 0: suspects are messages, and their processor holds them."""
        return 0

    def left(self, cursor: psycopg.Cursor[Any], since: datetime) -> int:
        """Return about how many events that came before `since` are not settled; 0 only where none is."""
        row = cursor.execute(SQL["left"], {"since": since}).fetchone()
        assert row is not None
        return int(row[0])

    def trouble(self) -> str:
        """Ask the broker; the database has no part in appends."""
        try:
            self._onlooker.count()
        except BrokerLost:
            return "unreachable"
        except TopologyRefused:
            return "refused"
        return ""

    def prepare(self) -> None:
        """Make the queues, or see that they are ours, and begin to keep account. Raises TopologyRefused, BrokerLost.

        The account is begun in any case: without one nobody would know that something is unknown.
        """
        empty = False
        try:
            counts = self._onlooker.prepare()
            empty = not counts.ready and not counts.most_consumers
        finally:
            with self._database() as link:
                link.execute(SQL["begin"], {"empty": empty})


class BrokerInUse(Exception):
    """Processors take from a broker, while this process is told that another bus carries the batches."""


def forget_broker(cursor: psycopg.Cursor[Any]) -> None:
    """End the account of a broker that is no longer the bus: its last state would stand for ever.

    Raises BrokerInUse, with nothing done, where some processor goes on with it.
    """
    row = cursor.execute(SQL["forget"], {"space": SLOT_SPACE}).fetchone()
    if row and row[0]:
        raise BrokerInUse(f"processors still take batches from a broker: {row[0]}")


class _Onlooker:
    """Asks the queues how they are, over one connection that is kept, and twice a second at most."""

    def __init__(self, connect: Connect, topology: Topology, deadline: float) -> None:
        self._connect, self._topology = connect, topology
        self._timeout = min(deadline, _LOOK_SECONDS)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._channel: Any = None
        self._found: Counts | Exception = BrokerLost("the broker was not asked yet")
        self._found_at = -_KEPT_SECONDS

    def prepare(self) -> Counts:
        """Declare, then count. The first time, each queue takes the broker a moment."""
        with self._lock:
            try:
                self._channel = self._open(10.0)
                self._topology.declare(self._channel)
                return count(self._channel, self._topology)
            finally:
                self._close()

    def count(self) -> Counts:
        """Count, or tell what was found a moment ago, trouble too. Raises BrokerLost, TopologyRefused."""
        if not self._lock.acquire(timeout=self._timeout):
            raise BrokerLost("the broker: others still wait for its answer")
        try:
            if time.monotonic() - self._found_at >= _KEPT_SECONDS:
                self._found = self._look()
                self._found_at = time.monotonic()
            found = self._found
        finally:
            self._lock.release()
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _look(self) -> Counts | Exception:
        """Count; once more on a new connection where the old one had died."""
        started = time.monotonic()
        try:
            if self._channel is not None:
                try:
                    return self._count()
                except BrokerLost:
                    if time.monotonic() - started > self._timeout / 2:
                        raise
            self._channel = self._open(self._timeout)
            return self._count()
        except (BrokerLost, TopologyRefused) as error:
            return error

    def _open(self, timeout: float) -> Any:
        self._close()
        self._connection = self._connect(timeout)
        return self._connection.channel()

    def _count(self) -> Counts:
        try:
            return count(self._channel, self._topology)
        except (BrokerLost, TopologyRefused):
            self._close()
            raise

    def _close(self) -> None:
        drop(self._connection)
        self._connection = self._channel = None
