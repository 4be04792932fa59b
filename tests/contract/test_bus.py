"""What every bus must do, whatever carries it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest

from config import engine
from config.lib.postgres import connect
from events.bus.base import Bus, BusFull, Consumer
from events.contracts import Batch, Claimed, Lane, Reject
from events.processor import staging
from events.processor.pipeline import Pipeline
from events.reasons import Outcome, Reason, Stage
from tests.contract.buses import BUSES, Broker, Rig
from tests.support.pipeline import copy_line, new_project, rows
from tests.support.waiting import wait_until

MakeConsumer = Callable[..., Consumer]
_PARAMS = [
    "postgres",
    # All of them in one worker, which runs the node.
    pytest.param("rabbitmq", marks=pytest.mark.xdist_group("rabbitmq")),
]


@pytest.fixture(params=_PARAMS)
def rig(request: pytest.FixtureRequest, pipeline: None) -> Iterator[Rig]:
    if request.param == "postgres":
        yield BUSES["postgres"]()
        return
    broker = Broker(request.getfixturevalue("rabbitmq"))
    yield broker
    broker.end()


@pytest.fixture
def bus(rig: Rig) -> Bus:
    return rig.bus()


@pytest.fixture
def new_consumer(rig: Rig) -> Iterator[MakeConsumer]:
    made: list[Consumer] = []

    def make(**options: float) -> Consumer:
        made.append(rig.consumer(**options))
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


def claimed_by(consumer: Consumer, max_events: int = 1000) -> Sequence[int]:
    """Return a claim, once there is something to be claimed: what others held may still be on its way back."""

    def claim() -> Sequence[int]:
        consumer.recover()
        return consumer.claim(max_events)

    return wait_until(claim, what="a claim")


def taken(consumer: Consumer) -> list[Claimed]:
    ids = claimed_by(consumer)
    with transaction() as cursor:
        return consumer.take(cursor, ids)


def settle(consumer: Consumer) -> int:
    """Settle one claim."""
    ids = claimed_by(consumer)
    with transaction() as cursor:
        claimed = consumer.take(cursor, ids)
        consumer.settle(cursor, claimed)
    consumer.confirm(ids)
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


def test_batches_of_a_project_come_out_oldest_first(bus: Bus, new_consumer: MakeConsumer) -> None:
    sent = [b"%d\n" % number for number in range(5)]
    for line in sent:
        bus.append(batch(line))
    consumer, found = new_consumer(), list[bytes]()
    while len(found) < 5:
        found += [one.batch.rows for one in taken(consumer)]
    assert found == sent


def test_a_claim_is_bounded_by_events_but_never_empty(bus: Bus, new_consumer: MakeConsumer) -> None:
    for _ in range(4):
        bus.append(batch(b"x\n" * 10))
    consumer = new_consumer()
    assert len(claimed_by(consumer, 5)) == 1
    wait_until(
        lambda: consumer.release(ids := claimed_by(consumer, 20)) or len(ids) == 2, what="a claim of two"
    )


def test_two_consumers_never_hold_the_same_batch(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    first, second = new_consumer(), new_consumer()
    assert first.slot != second.slot
    ids = claimed_by(first)
    assert not second.claim(1000)
    with transaction() as cursor:
        assert not second.take(cursor, ids)


def test_a_settled_batch_is_gone(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    assert settle(consumer) == 1
    assert not consumer.claim(1000)
    assert bus.depth().events == 0


def test_settling_is_undone_with_its_transaction(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    ids = claimed_by(consumer)
    with transaction() as cursor:
        consumer.settle(cursor, consumer.take(cursor, ids))
        raise psycopg.Rollback
    assert bus.depth().events == 1
    with transaction() as cursor:
        assert len(consumer.take(cursor, ids)) == 1


def test_what_was_settled_and_not_confirmed_is_stored_once_whether_or_not_it_comes_again(
    rig: Rig, bus: Bus, new_consumer: MakeConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project()
    bus.append(batch(copy_line(project) + b"\n", project))
    consumer = new_consumer()
    monkeypatch.setattr(consumer, "confirm", lambda ids: rig.crash(consumer))
    assert process(consumer, claimed_by(consumer)) == {(project, Outcome.STORED): 1}
    # Behind it in the queue, so that what comes again has come when this has.
    bus.append(batch(copy_line(project) + b"\n", project))
    other, found = new_consumer(), Counter[tuple[int, Outcome]]()
    while not found[project, Outcome.STORED]:
        found += process(other, claimed_by(other))
    assert found == {(project, Outcome.STORED): 1} | rig.comes_again(project)
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", project) == [(2,)]


def process(consumer: Consumer, ids: Sequence[int]) -> Counter[tuple[int, Outcome]]:
    """Take a claim through the pipeline."""
    with connect(name="contract", autocommit=True) as link:
        staging.create(link)
        pipeline = Pipeline(connection=link, consumer=consumer, steps=engine.steps(), max_attempts=3)
        return pipeline.run(ids)


def test_every_claim_counts_an_attempt(rig: Rig, bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    for attempts in (1, 2, 3):
        consumer = new_consumer()
        assert [one.attempts for one in taken(consumer)] == [attempts]
        rig.crash(consumer)


def test_a_release_takes_the_attempt_back(rig: Rig, bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    for attempts in (1, 2):
        consumer = new_consumer()
        for _ in range(3):
            consumer.release(claimed_by(consumer))
        assert [one.attempts for one in taken(consumer)] == [attempts]
        rig.crash(consumer)


def test_parked_batches_are_claimed_later_and_alone(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch(b"1\n"))
    bus.append(batch(b"2\n"))
    consumer = new_consumer()
    ids: list[int] = []
    while len(ids) < 2:
        ids += claimed_by(consumer)
    consumer.park(ids, 0.5)
    assert not consumer.claim(1000)
    first, second = taken(consumer), taken(consumer)
    assert {one.batch.rows for one in first + second} == {b"1\n", b"2\n"}
    assert len(first) == len(second) == 1
    assert {one.attempts for one in first + second} == {1}


def test_batches_parked_for_no_time_are_claimed_at_once_and_alone(
    bus: Bus, new_consumer: MakeConsumer
) -> None:
    bus.append(batch(b"1\n"))
    bus.append(batch(b"2\n"))
    consumer = new_consumer()
    # Both in one claim: what the first left waits with the second.
    wait_until(lambda: consumer.release(ids := claimed_by(consumer)) or len(ids) == 2, what="both")
    consumer.park(claimed_by(consumer), 0)
    first, second = taken(consumer), taken(consumer)
    assert {one.batch.rows for one in first + second} == {b"1\n", b"2\n"}
    assert len(first) == len(second) == 1


def test_a_claim_holds_one_project_after_several_batches_were_parked_together(
    bus: Bus, new_consumer: MakeConsumer
) -> None:
    for project in (1, 2):
        bus.append(batch(project=project))
    consumer = new_consumer()
    wait_until(lambda: consumer.release(ids := claimed_by(consumer)) or len(ids) == 2, what="both")
    consumer.park(claimed_by(consumer), 0)
    for _ in range(2):
        settle(consumer)
    for project in (1, 2):
        bus.append(batch(project=project))
    assert [settle(consumer), settle(consumer)] == [1, 1]


def test_a_batch_tried_before_is_claimed_alone(rig: Rig, bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch(project=1))
    dead = new_consumer()
    claimed_by(dead)
    rig.crash(dead)
    bus.append(batch(project=2))
    consumer = new_consumer()
    claims = [[one.batch.project_id for one in taken(consumer)] for _ in range(2)]
    assert sorted(claims) == [[1], [2]]


def test_what_a_dead_consumer_held_is_freed(rig: Rig, bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    survivor, dead = new_consumer(), new_consumer()
    claimed_by(dead)
    assert survivor.recover() == 0
    assert not survivor.claim(1000)
    rig.crash(dead)
    assert len(claimed_by(survivor)) == 1


def test_what_a_frozen_consumer_held_is_freed_after_its_lease(
    rig: Rig, bus: Bus, new_consumer: MakeConsumer
) -> None:
    bus.append(batch())
    frozen, other = new_consumer(lease=1), new_consumer(lease=1)
    ids = claimed_by(frozen)
    rig.freeze(frozen)
    assert len(claimed_by(other)) == 1
    with transaction() as cursor:
        assert not frozen.take(cursor, ids)


def test_depth_counts_events_and_bytes_of_what_waits(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch(b"12\n34\n"))
    bus.append(batch(b"", 1, Lane.LIVE, Reject(Stage.GATEWAY, Reason.TOO_DEEP, "", b"1234")))
    depth = bus.depth()
    assert (depth.events, depth.bytes) == (3, 10)
    assert depth.oldest_at is not None
    assert depth.oldest_seconds >= 0
    consumer, settled = new_consumer(), 0
    while settled < 2:
        settled += settle(consumer)
    wait_until(lambda: not bus.depth().events, what="an empty bus")
    assert (bus.depth().events, bus.depth().bytes, bus.depth().oldest_at) == (0, 0, None)


def test_something_is_left_until_it_is_settled(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    with transaction() as cursor:
        (since,) = cursor.execute("SELECT clock_timestamp()").fetchone() or ()
        assert bus.left(cursor, since) > 0
    claimed_by(consumer)
    with transaction() as cursor:
        assert bus.left(cursor, since) > 0
    consumer.release([])
    for _ in range(5):
        # However often the broker is looked at meanwhile.
        consumer.claim(1000)
    with transaction() as cursor:
        assert bus.left(cursor, since) > 0


def test_nothing_is_left_once_all_is_settled(bus: Bus, new_consumer: MakeConsumer) -> None:
    bus.append(batch())
    consumer = new_consumer()
    settle(consumer)
    with connect(name="contract", autocommit=True) as link:
        (since,) = link.execute("SELECT clock_timestamp()").fetchone() or ()

        def nothing_left() -> bool:
            consumer.claim(1000)
            return bus.left(link.cursor(), since) == 0

        wait_until(nothing_left, seconds=5, what="the end of it")


@pytest.mark.parametrize("number", [0, 1])
def test_a_full_bus_refuses_and_says_when_to_come_back(rig: Rig, number: int) -> None:
    if number >= len(rig.bounds):
        pytest.skip("this bus is bounded by bytes alone")
    bus = rig.bus(**rig.bounds[number])
    taken_in = fill(bus)
    assert taken_in
    assert bus.depth().events == taken_in


def fill(bus: Bus) -> int:
    """Append until the bus is full; return how many events it took."""
    line = b"x" * 99 + b"\n"
    for number in range(1000):
        try:
            bus.append(batch(line))
        except BusFull as full:
            assert 1 <= full.extra["retry_after"] <= 60
            return number
    raise AssertionError("the bus is never full")
