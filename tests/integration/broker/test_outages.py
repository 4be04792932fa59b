"""A broker as the bus: what is promised while the broker is away, frozen, or starts again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config import engine
from config.bootstrap import _prepare_bus
from config.lib import clock
from config.lib.postgres import connect
from events.bus.base import BusFull, BusUnavailable
from events.bus.broker import BrokerBus
from events.bus.broker_link import BrokerLost
from events.bus.spool import Spool
from events.bus.spooling import SpoolingBus
from events.contracts import Batch, Lane
from events.gateway.encode import encode_batches
from events.processor.pipeline import Pipeline
from events.selectors import balance
from tests.support.assertions import assert_balanced
from tests.support.brokered import (
    Processor,
    as_of,
)
from tests.support.pipeline import append, event, new_project, rows
from tests.support.rabbitmq import RabbitMQ
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("rabbitmq")


def test_looks_wait_for_each_other_no_longer_than_for_the_broker(own_bus: BrokerBus, node: RabbitMQ) -> None:
    node.freeze()
    try:
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: own_bus.trouble(), range(8))) == {"unreachable"}
        assert time.monotonic() - started < 1.2
    finally:
        node.thaw()
    wait_until(lambda: own_bus.trouble() == "", what="the broker")


def test_a_gateway_whose_broker_is_away_is_not_told_otherwise_by_the_database(
    own_bus: BrokerBus, node: RabbitMQ, tmp_path: Path
) -> None:
    # A spool that takes nothing: there is nothing but the probe to tell.
    spooling = SpoolingBus(own_bus, Spool(tmp_path, max_bytes=0, max_age=1, deadline=1), rest=1)
    line = Batch(1, Lane.LIVE, 1, b"line\n")
    node.kill()
    try:
        with pytest.raises(BusUnavailable):
            spooling.append(line)
        spooling.step()
        assert spooling._away
    finally:
        node.start()
    wait_until(lambda: spooling.step() or not spooling._away, what="the broker")
    spooling.append(line)


def test_what_starts_before_the_broker_waits_for_it(
    own_bus: BrokerBus, node: RabbitMQ, settings: Any, tmp_path: Path
) -> None:
    project, settings.SPOOL_DIR = new_project(), tmp_path
    engine.forget()
    with connect(name="test", autocommit=True) as link:
        link.execute("DELETE FROM bus_look")
    node.kill()
    try:
        _prepare_bus()
        assert as_of() == datetime.fromtimestamp(0, UTC)
        with pytest.raises(BrokerLost):
            Processor().consumer.claim(10)
        bus = engine.ingest_bus()
        (batch,) = encode_batches(project, Lane.HISTORICAL, [event("u1"), event("u2")], clock.now(), 500)
        bus.append(batch)
        assert bus._spool.depth().events == 2
    finally:
        node.start()
    wait_until(lambda: bus.step() or bus._spool.depth().events == 0, what="an empty spool")
    assert Processor().settle(2) == {"stored": 2}
    bus.stop()


def test_a_confirmed_batch_outlives_the_broker_s_death(own_bus: BrokerBus, node: RabbitMQ) -> None:
    project = new_project()
    append(project, [event(f"u{n}") for n in range(40)], size=4)
    node.kill()
    assert own_bus.trouble() == "unreachable"
    with pytest.raises(BusUnavailable):
        append(project, [event("late")])
    node.start()
    assert own_bus.trouble() == ""
    append(project, [event("later")])
    assert Processor().settle(41) == {"stored": 41}


def test_a_broker_that_says_nothing_is_given_up_in_time(own_bus: BrokerBus, node: RabbitMQ) -> None:
    line = Batch(1, Lane.LIVE, 1, b"line\n")
    own_bus.append(line)
    node.freeze()
    started = time.monotonic()
    with pytest.raises(BusUnavailable):
        own_bus.append(line)
    # Without a connection, too.
    with pytest.raises(BusUnavailable):
        own_bus.append(Batch(2, Lane.LIVE, 1, b"line\n"))
    assert time.monotonic() - started < 2.2
    assert own_bus.trouble() == "unreachable"
    node.thaw()
    wait_until(lambda: own_bus.trouble() == "", what="the broker")


def test_a_restart_of_the_broker_under_load_loses_and_doubles_nothing(
    own_bus: BrokerBus, node: RabbitMQ
) -> None:
    projects = [new_project() for _ in range(3)]
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send_until, stop, projects[n % 3], n) for n in range(3)]
        worker = pool.submit(process_until, stop)
        try:
            for how in (node.kill, node.stop):
                wait_for_more()
                how()
                node.start()
            wait_for_more()
        finally:
            stop.set()
        sent = sum(sender.result(60) for sender in senders)
        worker.result(60)
    wait_until(lambda: drained(sent), seconds=60, what="the rest")
    assert rows("SELECT count(*), count(DISTINCT event_id) FROM event") == [(sent, sent)]
    assert rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert balance().accepted >= sent
    assert_balanced()


def send_until(stop: threading.Event, project: int, number: int) -> int:
    """Append batch after batch, each until it is acknowledged; return how many events were."""
    sent = 0
    while not stop.is_set() and sent < 20_000:
        events = [event(f"u{number}") for _ in range(20)]
        while not acknowledged(project, events):
            stop.wait(0.05)
        sent += len(events)
    return sent


def acknowledged(project: int, events: list[dict[str, Any]]) -> bool:
    try:
        append(project, events)
        return True
    except (BusUnavailable, BusFull):
        return False


def process_until(stop: threading.Event) -> None:
    """Work as a worker does: start over when something is lost."""
    while not stop.is_set():
        consumer, pipeline = engine.processor()
        try:
            work(consumer, pipeline, stop)
        except OSError:
            stop.wait(0.2)
        finally:
            consumer.close()
            pipeline.close()


def work(consumer: Any, pipeline: Pipeline, stop: threading.Event) -> None:
    while not stop.is_set():
        if ids := consumer.claim(10_000):
            pipeline.run(ids)


def wait_for_more() -> None:
    """Wait until more has been stored: everything works."""
    (before,) = rows("SELECT count(*) FROM event")[0]
    wait_until(lambda: rows("SELECT count(*) FROM event")[0][0] > before + 100, what="progress")


def drained(sent: int) -> bool:
    processor = Processor()
    try:
        if ids := processor.consumer.claim(10_000):
            processor.run(list(ids))
    finally:
        processor.lose_database()
    return bool(rows("SELECT count(*) FROM event")[0][0] >= sent and not ids)
