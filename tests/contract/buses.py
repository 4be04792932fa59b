"""The buses that the contract tests run against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from config.lib.postgres import connect
from events.bus.base import Bus, Consumer
from events.bus.broker import BrokerBus
from events.bus.broker_consumer import BrokerConsumer
from events.bus.broker_holding import Holding
from events.bus.broker_link import open_connection
from events.bus.broker_topology import Topology
from events.bus.postgres import InboxBus
from events.bus.postgres_consumer import InboxConsumer
from events.reasons import Outcome


class Rig(Protocol):
    """A bus, and what can happen to those who use it."""

    #: What it can be bounded by, small enough to be filled.
    bounds: tuple[dict[str, int], ...]

    def bus(self, **bound: int) -> Bus:
        """Return a gateway's side."""

    def consumer(self, *, lease: float = 60) -> Consumer:
        """Return a processor's side."""

    def crash(self, consumer: Consumer) -> None:
        """End a consumer as the end of its process would."""

    def freeze(self, consumer: Consumer) -> None:
        """Let a consumer do nothing any more."""

    def comes_again(self, project: int) -> dict[tuple[int, Outcome], int]:
        """Return the outcome of one event that was settled and not confirmed."""


class PostgresInbox:
    """The inbox table."""

    bounds = ({"max_events": 2}, {"max_bytes": 4})

    def bus(self, *, max_events: int = 1000, max_bytes: int = 1 << 20) -> Bus:
        """Return a gateway's side."""
        link = partial(connect, name="contract bus", autocommit=True)
        return InboxBus(link, max_events=max_events, max_bytes=max_bytes, deadline=5)

    def consumer(self, *, lease: float = 60) -> Consumer:
        """Return a processor's side."""
        connection = connect(name="contract consumer", autocommit=True)
        return InboxConsumer(connection, lease=lease)

    def crash(self, consumer: Consumer) -> None:
        """Close the session, as the kernel would."""
        consumer.close()

    def freeze(self, consumer: Consumer) -> None:
        """Nothing is heard of it anyway."""

    def comes_again(self, project: int) -> dict[tuple[int, Outcome], int]:
        """The commit has removed it."""
        return {}


class Broker:
    """Queues of a RabbitMQ."""

    bounds = ({"max_bytes": 4000},)

    def __init__(self, url: str) -> None:
        self._url = url
        self._holdings: dict[Consumer, Holding] = {}
        self._frozen: set[Holding] = set()

    def topology(self, max_bytes: int = 1 << 30) -> Topology:
        """Return few queues: each costs the node a moment."""
        return Topology(shards=2, max_bytes=max_bytes)

    def bus(self, *, max_bytes: int = 1 << 30) -> BrokerBus:
        """Return a gateway's side."""
        bus = BrokerBus(
            lambda timeout: open_connection(self._url, name="contract bus", timeout=timeout),
            partial(connect, name="contract bus", autocommit=True),
            self.topology(max_bytes),
            deadline=5,
        )
        bus.prepare()
        return bus

    def consumer(self, *, lease: float = 60) -> BrokerConsumer:
        """Return a processor's side."""
        holding = Holding(lambda: self._dial(holding, lease), self.topology())
        consumer = BrokerConsumer(connect(name="contract consumer", autocommit=True), holding)
        self._holdings[consumer] = holding
        return consumer

    def crash(self, consumer: Consumer) -> None:
        """Close both connections, as the kernel would."""
        self._holdings[consumer].close()
        consumer._connection.close()  # type: ignore[attr-defined]

    def freeze(self, consumer: Consumer) -> None:
        """Stop its pulse."""
        self._frozen.add(self._holdings[consumer])

    def comes_again(self, project: int) -> dict[tuple[int, Outcome], int]:
        """The broker has not heard of the commit."""
        return {(project, Outcome.DUPLICATE): 1}

    def end(self) -> None:
        """Let go of every connection."""
        for consumer in self._holdings:
            self.crash(consumer)

    def _dial(self, holding: Holding, lease: float) -> Any:
        connection = open_connection(
            self._url, name="contract consumer", timeout=5, heartbeat=max(1, lease // 2)
        )
        beat = connection.send_heartbeat
        connection.send_heartbeat = lambda: None if holding in self._frozen else beat()
        return connection


BUSES: dict[str, Callable[..., Rig]] = {"postgres": PostgresInbox, "rabbitmq": Broker}
