"""The gateway's side of the bus: group commit, and what it does when the database goes away or answers late."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NoReturn

import psycopg
import pytest

from config import engine
from config.lib.postgres import connect
from events.bus.base import BusFull, BusUnavailable
from events.bus.gauge import Gauge, Reading
from events.bus.group_commit import GroupCommit
from events.bus.postgres import InboxBus
from events.contracts import Batch, Depth, Lane
from tests.support.assertions import assert_balanced
from tests.support.pipeline import rows
from tests.support.waiting import wait_until

LINE = Batch(1, Lane.LIVE, 1, b"line\n")


def test_an_append_waits_for_the_disk(pipeline: None) -> None:
    with connect(name="gateway", autocommit=True) as link:
        assert link.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_many_threads_append_every_batch_once(pipeline: None) -> None:
    bus = engine.bus()
    batches = [Batch(1 + n % 3, Lane.LIVE, 1, b"%d\n" % n) for n in range(300)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(bus.append, batches))
    lines = [
        line for (rows_copy,) in rows("SELECT rows_copy FROM inbox") for line in bytes(rows_copy).split()
    ]
    assert sorted(map(int, lines)) == list(range(300))
    assert bus.depth().events == 300
    assert_balanced()


def test_a_connection_that_died_while_idle_is_replaced_unnoticed(pipeline: None) -> None:
    engine.bus().append(LINE)
    # Another worker's tests have gateways on this server too.
    rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'sluice gateway' AND datname = current_database()"
    )
    engine.bus().append(LINE)
    assert engine.bus().depth().events == 2


def test_a_database_that_cannot_be_reached_is_unavailable_and_leaves_nothing(pipeline: None) -> None:
    def refuse(**_: float) -> NoReturn:
        raise psycopg.OperationalError("refused")

    bus = InboxBus(refuse, max_events=10, max_bytes=1000, deadline=1)
    with pytest.raises(BusUnavailable) as away:
        bus.append(LINE)
    assert away.value.extra["retry_after"] >= 1


def test_an_append_that_meets_a_lock_gives_up_within_its_deadline(pipeline: None) -> None:
    bus = InboxBus(
        partial(connect, name="gateway", autocommit=True, deadline=0.3),
        max_events=10,
        max_bytes=1000,
        deadline=0.3,
    )
    with connect(name="lock") as link:
        link.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(BusUnavailable):
            bus.append(LINE)
    assert not rows("SELECT 1 FROM inbox")
    assert_balanced()


def test_those_who_wait_share_one_write() -> None:
    written: list[int] = []
    first, go = threading.Event(), threading.Event()

    def write(batches: Sequence[Batch]) -> None:
        written.append(len(batches))
        first.set()
        assert go.wait(10)

    group = GroupCommit(write, deadline=10)
    with ThreadPoolExecutor(9) as pool:
        leader = pool.submit(group.submit, LINE)
        assert first.wait(10)
        others = [pool.submit(group.submit, LINE) for _ in range(8)]
        while len(group._waiting) < 8:
            threading.Event().wait(0.001)
        go.set()
        for call in (leader, *others):
            call.result(10)
    assert written == [1, 8]


def test_an_error_reaches_everybody_it_concerns_and_nobody_else() -> None:
    failures = iter([BusUnavailable("first")])

    def write(batches: Sequence[Batch]) -> None:
        for failure in failures:
            raise failure

    group = GroupCommit(write)
    with pytest.raises(BusUnavailable, match="first"):
        group.submit(LINE)
    group.submit(LINE)


def test_a_follower_gives_up_at_the_deadline() -> None:
    first, go = threading.Event(), threading.Event()

    def write(batches: Sequence[Batch]) -> None:
        first.set()
        assert go.wait(10)

    group = GroupCommit(write, deadline=0.05)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(group.submit, LINE)
        assert first.wait(10)
        with pytest.raises(BusUnavailable):
            group.submit(LINE)
        go.set()
        leader.result(10)


def test_who_waits_behind_a_leader_that_reaches_nobody_hears_of_it_at_once() -> None:
    tried: list[int] = []
    first, go = threading.Event(), threading.Event()

    def write(batches: Sequence[Batch]) -> None:
        tried.append(len(batches))
        first.set()
        assert go.wait(10)
        raise BusUnavailable()

    group = GroupCommit(write, deadline=10)
    with ThreadPoolExecutor(9) as pool:
        calls = [pool.submit(group.submit, LINE)]
        assert first.wait(10)
        calls += [pool.submit(group.submit, LINE) for _ in range(8)]
        wait_until(lambda: len(group._waiting) == 8, what="eight that wait")
        go.set()
        assert all(isinstance(call.exception(10), BusUnavailable) for call in calls)
    assert tried == [1]


def test_who_is_handed_the_lead_too_late_passes_it_on() -> None:
    written: list[Sequence[Batch]] = []
    first, go = threading.Event(), threading.Event()

    def write(batches: Sequence[Batch]) -> None:
        written.append(batches)
        first.set()
        assert go.wait(10)

    group = GroupCommit(write, deadline=10)
    late, next_one = Batch(1, Lane.LIVE, 1, b"late\n"), Batch(1, Lane.LIVE, 1, b"next\n")
    with ThreadPoolExecutor(3) as pool:
        leader = pool.submit(group.submit, LINE)
        assert first.wait(10)
        # A fifth of the deadline must be left to lead.
        hurried = pool.submit(group.submit, late, 1.9)
        wait_until(lambda: len(group._waiting) == 1, what="the one in a hurry")
        patient = pool.submit(group.submit, next_one)
        wait_until(lambda: len(group._waiting) == 2, what="the patient one")
        go.set()
        leader.result(10)
        assert isinstance(hurried.exception(10), BusUnavailable)
        patient.result(10)
    assert written == [[LINE], [next_one]]


def test_a_leader_s_own_deadline_bounds_its_write() -> None:
    left: list[float] = []
    group = GroupCommit(lambda batches: left.append(group.until - time.monotonic()), deadline=5)
    group.submit(LINE)
    group.submit(LINE, 1)
    assert 4 < left[0] <= 5
    assert 0 < left[1] <= 1


def test_more_waiters_than_there_is_room_for_are_refused_at_once() -> None:
    first, go = threading.Event(), threading.Event()

    def write(batches: Sequence[Batch]) -> None:
        first.set()
        assert go.wait(10)

    group = GroupCommit(write, capacity=0, deadline=10)
    with pytest.raises(BusFull):
        group.submit(LINE)


@pytest.mark.parametrize(("waiting", "full"), [(99, False), (100, True), (1000, True)])
def test_the_gauge_refuses_from_the_bound_on(waiting: int, full: bool) -> None:
    gauge = Gauge(lambda: Reading(Depth(waiting, 0, 0.0), 0), max_events=100, max_bytes=10)
    assert (gauge.retry_after() > 0) is full
