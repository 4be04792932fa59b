"""Publishes to one queue and waits for the broker's word that the messages are on its disks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import amqp

from events.bus.broker_link import BrokerLost, drop, losing
from events.bus.broker_topology import Topology

#: Opens a connection within so many seconds.
Connect = Callable[[float], amqp.Connection]


class Refused(Exception):
    """The broker refused a message: the queue is full."""


class Publisher:
    """One connection, made when first needed, for one thread at a time."""

    def __init__(self, connect: Connect, topology: Topology, queue: str) -> None:
        self._connect = connect
        self._topology = topology
        self._queue = queue
        self._connection: amqp.Connection | None = None
        self._channel: amqp.Channel | None = None
        self._sent = 0
        self._open: set[int] = set()
        self._refused = False
        self._returned = False

    @property
    def connected(self) -> bool:
        """Tell whether there is a connection, dead or alive."""
        return self._channel is not None

    def publish(self, messages: Sequence[amqp.Message], *, until: float) -> None:
        """Return when all messages are confirmed, `until` (monotonic) at the latest.

        Raises Refused, or BrokerLost: then nobody knows which of them the broker has.
        """
        try:
            with losing():
                channel = self._channel or self._make(until)
                self._refused = self._returned = False
                for message in messages:
                    self._sent += 1
                    self._open.add(self._sent)
                    channel.basic_publish(
                        message, routing_key=self._queue, mandatory=True, timeout=_left(until)
                    )
                self._await(until)
        except BaseException:
            self.close()
            raise
        if self._returned:
            # The next connection makes the queue.
            self.close()
            raise BrokerLost(f"there is no queue {self._queue}")
        if self._refused:
            raise Refused

    def close(self) -> None:
        """Drop the connection."""
        drop(self._connection)
        self._connection = self._channel = None

    def _make(self, until: float) -> amqp.Channel:
        self._connection = self._connect(_left(until))
        self._sent = 0
        self._open.clear()
        channel = self._connection.channel()
        self._topology.declare(channel, self._queue)
        channel.events["basic_ack"].add(lambda tag, multiple: self._answer(tag, multiple, refused=False))
        channel.events["basic_nack"].add(lambda tag, multiple: self._answer(tag, multiple, refused=True))
        channel.events["basic_return"].add(lambda *_: self._lose_way())
        channel.confirm_select()
        self._channel = channel
        return channel

    def _await(self, until: float) -> None:
        while self._open:
            assert self._connection is not None
            self._connection.drain_events(timeout=_left(until))

    def _answer(self, tag: int, multiple: bool, *, refused: bool) -> None:
        self._open -= {one for one in self._open if one <= tag} if multiple else {tag}
        self._refused |= refused

    def _lose_way(self) -> None:
        self._returned = True


def _left(until: float) -> float:
    """Return the seconds left, at least a moment: zero would mean not to wait at all."""
    return max(0.001, until - time.monotonic())
