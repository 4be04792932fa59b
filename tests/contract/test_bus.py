"""What every bus must do, whatever carries it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from config.lib.postgres import connect
from events.bus.base import Bus, BusFull, Consumer
from events.contracts import Batch, Claimed, Lane, Reject
from events.reasons import Reason, Stage
from tests.contract.buses import BUSES, PostgresInbox
from tests.support.waiting import wait_until

MakeConsumer = Callable[..., Consumer]


@pytest.fixture(params=sorted(BUSES))
def broker(request: pytest.FixtureRequest, pipeline: None) -> PostgresInbox:
    return BUSES[request.param]()


@pytest.fixture
def bus(broker: PostgresInbox) -> Bus:
    return broker.bus()


@pytest.fixture
def new_consumer(broker: PostgresInbox) -> Iterator[MakeConsumer]:
    made: list[Consumer] = []

    def make(**options: float) -> Consumer:
        made.append(broker.consumer(**options))
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


def batch(rows: bytes = b"line\n", project: int = 1, lane: Lane = Lane.LIVE, *rejects: Reject) -> Batch:
    return Batch(project, lane, rows.count(b"\n"), rows, rejects)


@contextmanager
def transaction() -> Iterator[psycopg.Cursor]:
    with connect(name="contract") as link, link.transaction():
        yield link.cursor()


def taken(consumer: Consumer) -> list[Claimed]:
    with transaction() as cursor:
        return consumer.take(cursor, consumer.claim(1000))


def settle_all(consumer: Consumer) -> int:
    with transaction() as cursor:
        claimed = consumer.take(cursor, consumer.claim(1000))
        consumer.settle(cursor, claimed)
    return len(claimed)


def test_a_batch_comes_out_as_it_went_in(bus: Bus, new_consumer: MakeConsumer) -> None:
    reject = Reject(Stage.GATEWAY, Reason.TOO_DEEP, "too deep", b"\x00\xff raw", "props")
    sent = batch(b"a\\tb\t\xc3\xa9\n\xff\n", 7, Lane.HISTORICAL, reject)
    bus.append(sent)
    (claimed,) = taken(new_consumer())
    assert (claimed.batch, claimed.attempts) == (sent, 1)


def test_a_batch_of_rejects_alone_is_carried(bus: Bus, new_consumer: MakeConsumer) -> None:
    sent = batch(b"", 7, Lane.LIVE, Reject(Stage.GATEWAY, Reason.OUTSIDE_WINDOW, "old", b"{}"))
    bus.append(sent)
    assert [one.batch for one in taken(new_consumer())] == [sent]


def test_batches_come_out_oldest_first(bus: Bus, new_consumer: MakeConsumer) -> None:
    for project in (3, 1, 2):
        bus.append(batch(project=project))
    assert [one.batch.project_id for one in taken(new_consumer())] == [3, 1, 2]


def test_a_claim_is_bounded_by_events_but_never_empty(bus: Bus, new_consumer: MakeConsumer) -> None:
    for _ in range(3):
        bus.append(batch(b"x\n" * 10))
    assert len(new_consumer().claim(5)) == 1
    assert len(new_consumer().claim(20)) == 2


def test_two_consumers_never_hold_the_same_batch(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    first, second = new_consumer(), new_consumer()
    assert first.slot != second.slot
    ids = first.claim(1000)
    assert ids
    assert not second.claim(1000)
    with transaction() as cursor:
        assert not second.take(cursor, ids)


def test_a_settled_batch_is_gone(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    assert settle_all(consumer) == 1
    assert not consumer.claim(1000)
    assert bus.depth().events == 0


def test_settling_is_undone_with_its_transaction(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    ids = consumer.claim(1000)
    with transaction() as cursor:
        consumer.settle(cursor, consumer.take(cursor, ids))
        raise psycopg.Rollback
    assert bus.depth().events == 1
    with transaction() as cursor:
        assert len(consumer.take(cursor, ids)) == 1


def test_every_claim_counts_an_attempt(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    for attempts in (1, 2, 3):
        consumer = new_consumer(lease=0)
        consumer.recover()
        assert [one.attempts for one in taken(consumer)] == [attempts]


def test_a_release_takes_the_attempt_back(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    consumer.release(consumer.claim(1000))
    assert [one.attempts for one in taken(consumer)] == [1]


def test_a_batch_tried_before_is_claimed_alone(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch(project=1))
    new_consumer().claim(1000)
    bus.append(batch(project=2))
    consumer = new_consumer(lease=0)
    consumer.recover()
    assert [[one.batch.project_id for one in taken(consumer)] for _ in range(2)] == [[1], [2]]


def test_what_a_dead_consumer_held_is_freed(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    survivor, dead = new_consumer(), new_consumer()
    dead.claim(1000)
    assert survivor.recover() == 0
    dead.close()
    assert wait_until(survivor.recover, what="the end of the dead one's session") == 1
    assert len(survivor.claim(1000)) == 1


def test_what_a_frozen_consumer_held_is_freed_after_its_lease(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    frozen, other = new_consumer(), new_consumer(lease=0)
    ids = frozen.claim(1000)
    assert other.recover() == 1
    assert list(other.claim(1000)) == list(ids)
    with transaction() as cursor:
        assert not frozen.take(cursor, ids)


def test_depth_counts_events_and_bytes_of_what_waits(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch(b"12\n34\n"))
    bus.append(batch(b"", 1, Lane.LIVE, Reject(Stage.GATEWAY, Reason.TOO_DEEP, "", b"1234")))
    depth = bus.depth()
    assert (depth.events, depth.bytes) == (3, 10)
    assert depth.oldest_at is not None
    assert depth.oldest_seconds >= 0
    settle_all(new_consumer())
    assert (bus.depth().events, bus.depth().bytes, bus.depth().oldest_at) == (0, 0, None)


@pytest.mark.parametrize("bound", [{"max_events": 2}, {"max_bytes": 4}])
def test_a_full_bus_refuses_and_says_when_to_come_back(broker: PostgresInbox, bound: dict[str, int]) -> None:
    broker.bus().append(batch(b"1\n2\n"))
    with pytest.raises(BusFull) as full:
        broker.bus(**bound).append(batch())
    assert 1 <= full.value.extra["retry_after"] <= 60
    assert broker.bus().depth().events == 2
