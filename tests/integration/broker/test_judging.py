"""A broker as the bus: what is processed once, what becomes dead letters, and what does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from config import engine
from config.lib.postgres import connect
from events.bus.broker import BrokerBus
from events.bus.broker_holding import Holding
from events.bus.broker_link import BrokerLost
from events.bus.broker_topology import SUSPECTS
from events.processor import worker
from events.processor.worker import Worker
from events.selectors import balance
from tests.integration.test_mass_poison import bug, claims
from tests.support.assertions import assert_balanced
from tests.support.brokered import (
    Processor,
    channel,
)
from tests.support.pipeline import append, append_rows, event, new_project, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("rabbitmq")


def test_what_is_appended_is_processed_and_the_books_balance(bus: BrokerBus) -> None:
    projects = [new_project() for _ in range(3)]
    for project in projects:
        append(project, [event(f"u{n}") for n in range(50)], size=10)
    assert bus.depth().events == 150
    assert Processor().settle(150) == {"stored": 150}
    assert balance().accepted == 150
    assert_balanced()
    wait_until(lambda: bus.depth().events == 0, what="a look at an empty broker")


def test_a_commit_whose_acknowledgement_is_lost_brings_duplicates_and_nothing_else(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(new_project(), [event(f"u{n}") for n in range(20)])
    first = Processor()
    monkeypatch.setattr(first.consumer, "confirm", lambda ids: None)
    assert first.run(first.claim()) == {"stored": 20}
    first.die()
    assert Processor().settle(20) == {"duplicate": 20}
    assert_balanced()
    assert rows("SELECT count(*) FROM event") == [(20,)]
    assert rows("SELECT count(*) FROM bus_attempt") == [(0,)]


def test_a_batch_that_kills_its_processor_becomes_dead_letters(bus: BrokerBus, settings: Any) -> None:
    append(new_project(), [event("u1"), event("u2")])
    for _ in range(settings.MAX_ATTEMPTS):
        processor = Processor()
        processor.claim()
        processor.die()
    assert Processor().settle(2) == {"dead": 2}
    assert rows("SELECT DISTINCT reason FROM dead_letter") == [("worker_died",)]
    assert_balanced()


def test_innocents_that_were_held_by_the_dead_are_stored(bus: BrokerBus) -> None:
    for _ in range(5):
        append(new_project(), [event("u1")])
    dead = Processor()
    held = 0
    while held < 5:
        held += len(dead.claim())
    dead.die()
    assert Processor().settle(5) == {"stored": 5}


def test_what_is_delivered_again_and_again_goes_to_the_suspects_and_is_judged_there(
    bus: BrokerBus, settings: Any
) -> None:
    append(new_project(), [event("u1")])
    with channel(settings) as link:

        def suspected() -> bool:
            return bool(link.queue_declare(SUSPECTS, passive=True).message_count)

        for _ in range(25):
            if suspected():
                break
            kill_on_arrival()
        wait_until(suspected, what="a suspect")
    assert Processor().settle(1) == {"stored": 1}
    assert_balanced()


def kill_on_arrival() -> None:
    """Receive what comes and die of it, before anything is counted."""
    processor = Processor()
    processor.holding.open()
    processor.holding.read(patience=0.5, events=1, size=1 << 20)
    processor.die()


def test_an_outage_of_the_database_brings_nothing_nearer_to_the_dead_letters(
    bus: BrokerBus, settings: Any
) -> None:
    append(new_project(), [event("u1")])
    ids: list[int] = []
    for _ in range(3 * settings.MAX_ATTEMPTS):
        processor = Processor()
        processor.consumer.release(ids)
        ids = processor.claim()
        processor.lose_database()
    assert rows("SELECT count(*) FROM bus_attempt") == [(0,)]
    processor = Processor()
    processor.consumer.release(ids)
    assert processor.settle(1) == {"stored": 1}


def test_a_suspect_outlives_an_outage_too(bus: BrokerBus, settings: Any) -> None:
    append(new_project(), [event("u1")])
    dead = Processor()
    dead.claim()
    dead.die()
    for _ in range(3 * settings.MAX_ATTEMPTS):
        processor = Processor()
        ids = processor.claim()
        processor.consumer.release(ids)
        processor.lose_database()
    assert rows("SELECT max(attempts) FROM bus_attempt") == [(1,)]
    assert Processor().settle(1) == {"stored": 1}


def test_a_processor_that_ends_gives_back_what_it_held(bus: BrokerBus) -> None:
    append(new_project(), [event("u1")])

    def work() -> None:
        Processor().claim()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert Processor().settle(1) == {"stored": 1}


def test_a_bad_producer_s_batches_hold_up_nobody_and_are_no_dead_letters(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PARK_SECONDS", 0.5)
    monkeypatch.setattr(worker, "_LINGER", 0.01)
    bad, good = new_project(), new_project()
    for _ in range(5):
        append_rows(bad, *[b"garbage"] * 40)
        append(good, [event(f"u{n}") for n in range(20)])
    with working(Worker(engine.processor)):
        wait_until(lambda: rows("SELECT count(*) FROM event") == [(100,)], what="the good project's events")
    assert rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert_balanced()


def test_a_bug_that_refuses_everything_makes_no_dead_letter_and_every_batch_is_tried_alone(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PARK_SECONDS", 0.5)
    monkeypatch.setattr(worker, "_LINGER", 0.01)
    projects = [new_project(), new_project()]
    for project in projects:
        append(project, [event(f"u{n}") for n in range(120)], size=30)
    parked = claims("parked")
    with bug() as mend, working(Worker(engine.processor)):
        # Three of each project, then one of each whenever their rest is over.
        wait_until(lambda: claims("parked") >= parked + 8, what="the projects' third strikes")
        mend()
        wait_until(lambda: rows("SELECT count(*) FROM event") == [(240,)], what="all events")
    assert rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert_balanced()


@contextmanager
def working(employed: Worker) -> Iterator[None]:
    thread = threading.Thread(target=employed.run)
    thread.start()
    try:
        yield
    finally:
        employed.stop()
        thread.join()


def receive(holding: Holding) -> None:
    """Have something, before anything is claimed."""
    holding.open()
    wait_until(
        lambda: holding.read(patience=0.1, events=9, size=1 << 20) and holding.held(), what="a message"
    )


def lost() -> Any:
    raise BrokerLost("the broker stands still")


def test_faults_of_the_broker_or_database_are_no_attempts(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(new_project(), [event("u1")])
    dead = Processor()
    dead.claim()
    dead.die()
    for _ in range(3):
        processor = Processor()
        receive(processor.holding)
        with connect(name="test", autocommit=True) as link:
            link.execute("UPDATE bus_look SET looked_at = '-infinity'")
        monkeypatch.setattr(processor.holding, "counts", lost)
        with pytest.raises(BrokerLost):
            processor.consumer.claim(10)
        processor.die()
    assert rows("SELECT count(*) FROM bus_attempt") == [(0,)]
    assert Processor().settle(1) == {"stored": 1}


def test_attempts_at_messages_that_are_long_gone_are_forgotten(bus: BrokerBus) -> None:
    with connect(name="test", autocommit=True) as link:
        link.execute(
            "INSERT INTO bus_attempt SELECT gen_random_uuid(), 2, now() - age FROM "
            "(VALUES (interval '31 days'), (interval '1 day')) AS ages (age)"
        )
    engine.prepare_bus()
    assert rows("SELECT count(*) FROM bus_attempt") == [(1,)]
