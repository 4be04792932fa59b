"""A broker as the bus of a test: its queues, and processors that may be killed at any point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import amqp
import pytest_django.fixtures

from config import engine
from config.lib.postgres import connect
from events.bus.broker import BrokerBus
from events.bus.broker_consumer import BrokerConsumer
from events.bus.broker_holding import Holding
from events.bus.broker_link import drop, open_connection
from events.bus.broker_topology import Topology
from tests.support.pipeline import rows
from tests.support.waiting import wait_until

SHARDS = 2


def the_bus_at(url: str, settings: pytest_django.fixtures.SettingsWrapper) -> Iterator[BrokerBus]:
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER, settings.BUS_SHARDS = url, True, SHARDS
    engine.forget()
    engine.prepare_bus()
    bus = engine.bus()
    assert isinstance(bus, BrokerBus)
    yield bus
    engine.forget()


def channel(settings: Any) -> AbstractContextManager[amqp.Channel]:
    return channel_at(settings.EVENT_BUS_URL)


@contextmanager
def channel_at(url: str) -> Iterator[amqp.Channel]:
    connection = open_connection(url, name="test", timeout=5)
    try:
        yield connection.channel()
    finally:
        drop(connection)


def topology() -> Topology:
    return Topology(shards=SHARDS, max_bytes=2 << 30)


class Processor:
    """A processor in this thread, which may be killed at any point."""

    def __init__(self) -> None:
        self.consumer, self.pipeline = engine.processor()
        assert isinstance(self.consumer, BrokerConsumer)
        self.holding: Holding = self.consumer._holding

    def claim(self) -> list[int]:
        return list(wait_until(lambda: self.consumer.claim(10_000), what="a claim"))

    def run(self, ids: list[int]) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for (_, outcome), events in self.pipeline.run(ids).items():
            outcomes[outcome.value] += events
        return outcomes

    def settle(self, events: int) -> Counter[str]:
        """Process until so many events have an outcome, and see that no more come."""
        outcomes: Counter[str] = Counter()
        while outcomes.total() < events:
            outcomes += self.run(self.claim())
        assert not self.consumer.claim(10_000)
        return outcomes

    def die(self) -> None:
        """End as the process would: both connections at once."""
        engine._own.__dict__.pop("holding", None)
        self.holding.close()
        self.consumer._connection.close()  # type: ignore[attr-defined]

    def lose_database(self) -> None:
        """Lose the connection to Postgres alone."""
        self.consumer.close()
        self.pipeline.close()


def as_of() -> datetime:
    ((moment,),) = rows(
        "SELECT least(clock_timestamp(), (SELECT as_of FROM bus_look), (SELECT min(oldest_at) FROM bus_held))"
    )
    assert isinstance(moment, datetime)
    return moment


def engine_consumer() -> BrokerConsumer:
    """Return a consumer that never asks for a message."""
    return BrokerConsumer(connect(name="test", autocommit=True), Holding(lambda: None, topology()))
