"""The broker's messages that one processor thread holds. They outlive its connections to the database.

RabbitMQ counts each time that it has to deliver a message again. So what was received stays here, unacknowledged,
however often its transaction fails, and goes back only when the connection to the broker ends.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count as numbers
from typing import Any

import amqp

from events.bus.broker_link import BrokerLost, drop, losing
from events.bus.broker_message import Message, decode
from events.bus.broker_topology import SUSPECTS, Counts, Topology, count

#: Messages of each queue that the broker sends ahead. More would keep them from other processors.
_AHEAD = 50
#: Seconds that reading waits for what is on its way. Not 0: py-amqp would then spin in the middle of a frame.
_MOMENT = 0.002


class Holding:
    """Receives, keeps and acknowledges messages. It belongs to the thread that made it, and ends with it."""

    def __init__(self, connect: Callable[[], amqp.Connection], topology: Topology) -> None:
        self.id = uuid.uuid4()
        self._connect = connect
        self._topology = topology
        self._owner = threading.current_thread()
        self._connection: amqp.Connection | None = None
        #: One for each queue: a queue that does not answer must not stop the others.
        self._channels: dict[str, amqp.Channel] = {}
        self._desk: amqp.Channel | None = None
        # Numbers of two holdings never meet: a claim that was lost must not be taken for another's.
        self._numbers = numbers(secrets.randbits(40) << 22)
        self._ready: dict[str, deque[Message]] = {queue: deque() for queue in topology.queues}
        self._claimed: dict[int, Message] = {}
        self._turns = deque(topology.queues)
        #: Events and bytes that there is still room for.
        self._unread = (0, 0)

    # --- the connection -----------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Tell whether there is a connection; what is held is lost with it."""
        return bool(self._channels)

    def open(self) -> None:
        """Connect and ask for messages. Raises BrokerLost, TopologyRefused."""
        try:
            with losing():
                self._connection = self._connect()
                self._desk = self._connection.channel()
                self._topology.declare(self._desk)
                self._channels = {queue: self._consume(queue) for queue in self._topology.queues}
        except BaseException:
            self.close()
            raise
        beating = (self._connection,)
        threading.Thread(target=self._pulse, args=beating, name="broker pulse", daemon=True).start()

    def close(self) -> None:
        """End the connection: the broker gives what is held to others."""
        drop(self._connection)
        self._connection, self._desk, self._channels = None, None, {}
        self._claimed.clear()
        for queue in self._ready.values():
            queue.clear()

    def _consume(self, queue: str) -> amqp.Channel:
        assert self._connection is not None
        channel = self._connection.channel()
        channel.basic_qos(0, _AHEAD, False)
        # Without an answer nothing is read before the callback is known: py-amqp would send back what came for none.
        channel.basic_consume(queue, consumer_tag=queue, callback=self._receive, nowait=True)
        return channel

    def _pulse(self, connection: Any) -> None:
        """Tell the broker that this process lives, while the owner works; give all back when the owner has ended.

        A frozen process has no pulse: after two heartbeats the broker takes its messages back.
        """
        every, send = (connection.heartbeat or 60) / 2, connection.send_heartbeat
        beat = time.monotonic()
        while connection is self._connection:
            self._owner.join(timeout=min(1.0, every))
            if not self._owner.is_alive():
                self.close()
            elif time.monotonic() - beat >= every:
                beat = time.monotonic()
                try:
                    send()
                except Exception:  # noqa: S110
                    pass  # Whatever it is, the owner will meet it too; this thread waits for the owner's end.

    # --- receiving ----------------------------------------------------------------------------------------

    def read(self, *, patience: float, events: int, size: int) -> bool:
        """Read what the broker has sent until there is enough of it; wait `patience` seconds for the first.

        Returns whether that was all that had come. Raises BrokerLost.
        """
        waiting = list(self._waiting())
        self._unread = (events - sum(one.events for one in waiting), size - sum(one.size for one in waiting))
        wait = _MOMENT if waiting else patience
        with self._or_closed():
            while min(self._unread) > 0:
                assert self._connection is not None
                try:
                    self._connection.drain_events(timeout=wait)
                except TimeoutError:
                    return True
                wait = _MOMENT
        return False

    def catch_up(self) -> bool:
        """Read all that each queue has sent until now; return whether all of them answered. Raises BrokerLost.

        The question goes to the queue itself, and AMQP keeps order within a channel: what was sent before the answer
        comes before it. A queue in trouble knows no consumers.
        """
        with self._or_closed():
            told = [channel.queue_declare(queue, passive=True) for queue, channel in self._channels.items()]
        return all(one.consumer_count for one in told)

    def counts(self) -> Counts:
        """Ask the broker what is ready in its queues. Raises BrokerLost, TopologyRefused."""
        with self._or_closed():
            return count(self._desk, self._topology)

    def _receive(self, raw: amqp.Message) -> None:
        message = decode(raw, number=next(self._numbers), suspects=SUSPECTS)
        self._ready.setdefault(message.queue, deque()).append(message)
        events, size = self._unread
        self._unread = (events - message.events, size - message.size)

    # --- claiming -----------------------------------------------------------------------------------------

    def choose(
        self, *, events: int, size: int, resting: Collection[int] = (), one_project: bool = False
    ) -> list[Message]:
        """Claim messages up to a bound, but at least one; the queues take turns, and a suspect is claimed alone.

        Nothing is claimed of the projects that are `resting`, and nothing of a second where `one_project` is wanted.
        """
        chosen: list[Message] = []
        for message in self._in_turn(resting):
            if chosen and (message.suspect or (one_project and message.project_id != chosen[0].project_id)):
                continue
            if chosen and (message.events > events or message.size > size):
                break
            self._ready[message.queue].remove(message)
            self._claimed[message.number] = message
            chosen.append(message)
            events, size = events - message.events, size - message.size
            if message.suspect:
                break
        return sorted(chosen, key=lambda one: one.number)

    def claimed(self, ids: Iterable[int]) -> list[Message]:
        """Return those messages that are claimed still."""
        return [self._claimed[number] for number in sorted(ids) if number in self._claimed]

    def give_back(self, ids: Iterable[int], *, after: float = 0.0, alone: bool = False) -> None:
        """Let the messages be claimed again, `after` so many seconds; each `alone`, if that is wanted."""
        for message in reversed(self.claimed(ids)):
            del self._claimed[message.number]
            message.due = time.monotonic() + after
            message.suspect |= alone
            self._ready[message.queue].appendleft(message)

    def acknowledge(self, ids: Sequence[int]) -> None:
        """Have the broker forget the messages. Raises BrokerLost: then it sends them again."""
        with self._or_closed():
            for message in self.claimed(ids):
                self._channels[message.queue].basic_ack(message.tag)
        for number in ids:
            self._claimed.pop(number, None)

    @property
    def behind(self) -> bool:
        """Tell whether more is there to be claimed, or the broker has sent as much ahead as it does."""
        now = time.monotonic()
        claimed = Counter(message.queue for message in self._claimed.values())
        return any(one.due <= now for one in self._waiting()) or max(claimed.values(), default=0) >= _AHEAD

    def held(self, *, but: Iterable[int] = ()) -> list[Message]:
        """Return everything that is held, but for some."""
        settled = set(but)
        claimed = (one for one in self._claimed.values() if one.number not in settled)
        return [*self._waiting(), *claimed]

    def _in_turn(self, resting: Collection[int]) -> Iterator[Message]:
        """Yield what may be claimed now, one of each queue in turn; the next claim begins with the next queue."""
        self._turns.rotate(-1)
        now = time.monotonic()
        due = [
            deque(one for one in self._ready[queue] if one.due <= now and one.project_id not in resting)
            for queue in self._turns
        ]
        while any(due):
            yield from [queue.popleft() for queue in due if queue]

    def _waiting(self) -> Iterator[Message]:
        return (message for queue in self._ready.values() for message in queue)

    @contextmanager
    def _or_closed(self) -> Iterator[None]:
        """Close when something goes wrong with the connection, and say BrokerLost."""
        if not self.is_open:
            raise BrokerLost("the connection to the broker is closed")
        try:
            with losing():
                yield
        except Exception:
            self.close()
            raise
