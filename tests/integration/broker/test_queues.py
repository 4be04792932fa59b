"""A broker as the bus: its queues, foreign, full and lost ones, and messages that cannot be read."""

from __future__ import annotations

from typing import Any

import amqp
import pytest

from config import engine
from config.bootstrap import BootstrapError, _prepare_bus
from events.bus.base import BusFull, BusUnavailable
from events.bus.broker import BrokerBus
from events.bus.broker_message import encode
from events.bus.broker_topology import TopologyRefused, count
from events.contracts import Batch, Lane
from tests.support.assertions import assert_balanced
from tests.support.brokered import (
    Processor,
    channel,
    topology,
)
from tests.support.pipeline import append, event, new_project
from tests.support.rabbitmq import forget_queues

pytestmark = pytest.mark.xdist_group("rabbitmq")


def test_a_message_that_cannot_be_read_becomes_dead_letters(bus: BrokerBus, settings: Any) -> None:
    project = new_project()
    message = encode(Batch(project, Lane.LIVE, 3, b"a\nb\nc\n"))
    message.body = b"\x00" + message.body[1:]
    publish(settings, topology().queue_of(project), message)
    append(project, [event("u1")])
    assert Processor().settle(4) == {"dead": 3, "stored": 1}
    assert_balanced()


@pytest.mark.parametrize("headers", [None, {"events": -1, "project": "x", "accepted": 7, "lane": []}])
def test_a_stranger_s_message_stops_nothing(
    bus: BrokerBus, settings: Any, headers: dict[str, Any] | None
) -> None:
    publish(settings, "sluice.events.0", amqp.Message(b"hello", application_headers=headers))
    append(new_project(), [event("u1")])
    assert Processor().settle(2) == {"purged": 1, "stored": 1}


def publish(settings: Any, queue: str, message: amqp.Message) -> None:
    with channel(settings) as link:
        link.confirm_select()
        confirmed: list[int] = []
        link.events["basic_ack"].add(lambda tag, _: confirmed.append(tag))
        link.basic_publish(message, routing_key=queue, mandatory=True)
        while not confirmed:
            link.connection.drain_events(timeout=5)


def test_a_full_shard_refuses_its_own_projects_only(bus: BrokerBus, settings: Any, rabbitmq: str) -> None:
    forget_queues(rabbitmq)
    settings.BUS_MAX_BYTES = 20_000
    engine.forget()
    engine.prepare_bus()
    flood, other = Batch(2, Lane.LIVE, 1, b"x" * 5000 + b"\n"), Batch(3, Lane.LIVE, 1, b"y\n")
    with pytest.raises(BusFull):
        for _ in range(100):
            engine.bus().append(flood)
    engine.bus().append(other)


def test_a_queue_that_is_not_ours_stops_the_start(bus: BrokerBus, settings: Any) -> None:
    with channel(settings) as link:
        link.queue_delete("sluice.events.0")
        link.queue_declare("sluice.events.0", durable=True, auto_delete=False)
    with pytest.raises(TopologyRefused, match=r"sluice\.events\.0"):
        engine.prepare_bus()
    with pytest.raises(BootstrapError, match="EVENT_BUS_URL"):
        _prepare_bus()
    with pytest.raises(TopologyRefused):
        Processor().consumer.claim(10)
    engine.forget()
    with pytest.raises(BusUnavailable):
        engine.bus().append(Batch(2, Lane.LIVE, 1, b"x\n"))
    assert engine.bus().trouble() == "refused"


def test_a_queue_that_vanishes_loses_no_acknowledged_event(bus: BrokerBus, settings: Any) -> None:
    line = Batch(2, Lane.LIVE, 1, b"x\n")
    bus.append(line)
    with channel(settings) as link:
        link.queue_delete("sluice.events.0")
    # The message comes back, and the queue is made anew for the second attempt.
    bus.append(line)
    assert bus.depth().events == 1


def test_a_look_makes_a_queue_that_vanished_anew(bus: BrokerBus, settings: Any) -> None:
    with channel(settings) as link:
        link.queue_delete("sluice.events.0")
        assert bus.trouble() == ""
        link.queue_declare("sluice.events.0", passive=True)


def test_counts_are_of_ready_messages(bus: BrokerBus, settings: Any) -> None:
    append(new_project(), [event("u1")])
    with channel(settings) as link:
        assert count(link, topology()).ready == 1
    Processor().claim()
    with channel(settings) as link:
        assert count(link, topology()).ready == 0
