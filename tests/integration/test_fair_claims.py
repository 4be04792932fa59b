"""Fair claims and suspects: a flooding project delays no other one, a bad batch none of its neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from psycopg import sql

from config import engine
from config.lib.postgres import connect
from events.bus import postgres_consumer, slots
from events.bus.base import NoSlot
from events.bus.postgres_consumer import SQL, InboxConsumer
from events.contracts import Batch, Lane
from tests.support.pipeline import rows


@pytest.fixture
def consumer(pipeline: None) -> Iterator[InboxConsumer]:
    consumer = InboxConsumer(connect(name="test consumer", autocommit=True), lease=60)
    yield consumer
    consumer.close()


def wait_in_bus(project: int, batches: int, events: int = 1) -> None:
    """Put batches into the inbox without a gateway: hundreds of thousands take a second."""
    rows(
        "INSERT INTO inbox (project_id, lane, events, bytes, rows_copy) "
        "SELECT %s, 'live', %s, %s, '' FROM generate_series(1, %s) RETURNING 1",
        project, events, events * 200, batches,
    )  # fmt: skip


def claimed(consumer: InboxConsumer, size: int) -> list[tuple[int, int]]:
    """Claim and settle; return (project, events) of the batches."""
    ids = list(consumer.claim(size))
    found = rows("SELECT project_id, events FROM inbox WHERE id = ANY(%s) ORDER BY id", ids)
    rows("DELETE FROM inbox WHERE id = ANY(%s) RETURNING 1", ids)
    consumer.confirm(ids)
    return [(project, events) for project, events in found]


def lag(consumer: InboxConsumer, project: int, size: int) -> int:
    """Return how many events are claimed until nothing of the project waits any more."""
    total = 0
    while rows("SELECT 1 FROM inbox WHERE project_id = %s LIMIT 1", project):
        total += sum(events for _, events in claimed(consumer, size))
    return total


@pytest.mark.parametrize("size", [1, 200, 10_000])
@pytest.mark.parametrize("flood", [1, 50, 5000])
def test_a_flood_delays_another_project_by_no_more_than_twice_its_own_lag(
    consumer: InboxConsumer, size: int, flood: int
) -> None:
    wait_in_bus(2, 40, events=50)
    alone = lag(consumer, 2, size)
    wait_in_bus(1, max(3000, 20_000 // flood), events=flood)
    wait_in_bus(2, 40, events=50)
    # A batch is not cut and a claim not stopped: one of each may come on top.
    assert lag(consumer, 2, size) <= 2 * alone + max(flood, size)


def test_a_trickle_is_in_every_claim_of_a_flood(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 3000, events=100)
    for _ in range(10):
        wait_in_bus(2, 1, events=3)
        assert (2, 3) in claimed(consumer, 1000)


def test_a_project_is_claimed_oldest_first(consumer: InboxConsumer) -> None:
    for number in range(1, 61):
        wait_in_bus(1 + number % 3, 1, events=number)
    found = [batch for _ in range(40) for batch in claimed(consumer, 100)]
    for project in (1, 2, 3):
        sizes = [events for owner, events in found if owner == project]
        assert sizes == sorted(sizes)
        assert len(sizes) == 20


def test_more_projects_than_one_claim_looks_at_all_have_their_turn(
    consumer: InboxConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_consumer, "_CLAIM_PROJECTS", 4)
    for project in range(1, 12):
        wait_in_bus(project, 20, events=1)
    found = {project for _ in range(4) for project, _ in claimed(consumer, 4)}
    assert found == set(range(1, 12))


def test_batches_that_others_hold_locked_are_passed_by(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 3, events=1)
    with connect(name="lock") as link:
        link.execute("SELECT 1 FROM inbox ORDER BY id LIMIT 1 FOR UPDATE")
        assert len(consumer.claim(1000)) == 2


def test_two_consumers_share_what_waits(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 10, events=100)
    other = InboxConsumer(connect(name="test consumer", autocommit=True), lease=60)
    try:
        first, second = consumer.claim(500), other.claim(500)
    finally:
        other.close()
    assert (len(first), len(second)) == (5, 5)
    assert not set(first) & set(second)


def test_after_a_death_each_batch_of_the_claim_is_claimed_alone_beside_others(
    consumer: InboxConsumer,
) -> None:
    wait_in_bus(1, 3, events=1)
    dead = InboxConsumer(connect(name="test consumer", autocommit=True), lease=60)
    assert len(dead.claim(1000)) == 3
    dead.close()
    while consumer.recover() < 3:
        pass
    wait_in_bus(2, 3, events=1)
    found = [claimed(consumer, 1000) for _ in range(4)]
    assert sorted(map(len, found)) == [1, 1, 1, 3]
    # What nobody suspects does not wait for those that are tried one by one.
    assert found[1] == [(2, 1)] * 3


def test_an_outage_makes_no_suspects(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 3, events=1)
    lost = InboxConsumer(connect(name="test consumer", autocommit=True), lease=60)
    ids = lost.claim(1000)
    lost.close()
    while consumer.recover() < 3:
        pass
    consumer.release(ids)
    assert len(consumer.claim(1000)) == 3


def parked(consumer: InboxConsumer, ids: Sequence[int], seconds: float) -> None:
    consumer.park(ids, seconds)
    assert rows("SELECT DISTINCT attempts, claimed_by FROM inbox WHERE id = ANY(%s)", list(ids)) == [
        (0, None)
    ]


def test_a_parked_batch_waits_and_others_of_its_project_do_not(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 1, events=1)
    bad = consumer.claim(1000)
    parked(consumer, bad, 30)
    wait_in_bus(1, 2, events=1)
    assert len(consumer.claim(1000)) == 2
    assert not consumer.claim(1000)
    rows("UPDATE inbox SET parked_until = clock_timestamp() WHERE id = %s RETURNING 1", bad[0])
    assert list(consumer.claim(1000)) == list(bad)


def test_batches_parked_together_are_tried_one_by_one_oldest_first(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 4, events=1)
    ids = consumer.claim(1000)
    parked(consumer, ids, 0)
    assert [list(consumer.claim(1000)) for _ in range(4)] == [[id] for id in ids]


def test_after_several_were_refused_together_claims_hold_one_project(consumer: InboxConsumer) -> None:
    for project in (1, 2):
        wait_in_bus(project, 2, events=1)
    parked(consumer, consumer.claim(1000), 0)
    for project in (1, 2):
        wait_in_bus(project, 2, events=1)
    found = [claimed(consumer, 1000) for _ in range(6)]
    assert all(len({project for project, _ in claim}) == 1 for claim in found)
    assert sum(map(len, found)) == 8


def test_a_project_whose_batches_are_refused_rests_and_others_go_on(consumer: InboxConsumer) -> None:
    for _ in range(3):
        wait_in_bus(1, 1, events=1)
        parked(consumer, consumer.claim(1000), 30)
    wait_in_bus(1, 5, events=1)
    wait_in_bus(2, 5, events=1)
    assert [claimed(consumer, 1000) for _ in range(3)] == [[(2, 1)] * 5, [], []]


def test_a_parked_batch_is_no_lag_and_does_not_close_the_bus(consumer: InboxConsumer) -> None:
    engine.bus().append(Batch(1, Lane.LIVE, 2, b"x\ny\n"))
    parked(consumer, consumer.claim(1000), 30)
    rows("UPDATE inbox SET enqueued_at = clock_timestamp() - interval '9 hours' RETURNING 1")
    depth = engine.bus().depth()
    assert (depth.events, engine.bus().parked(), depth.lag_seconds) == (2, 2, 0.0)
    assert depth.oldest_seconds > 9 * 3600 - 1
    engine.bus().append(Batch(1, Lane.LIVE, 1, b"z\n"))


def rested(consumer: InboxConsumer) -> None:
    """Let project 1 rest, with nothing in the bus."""
    for _ in range(3):
        wait_in_bus(1, 1)
        parked(consumer, consumer.claim(1000), 30)
    rows("DELETE FROM inbox RETURNING 1")


def test_what_waits_of_a_project_that_rests_is_no_lag(consumer: InboxConsumer) -> None:
    rested(consumer)
    wait_in_bus(1, 5)
    rows("UPDATE inbox SET enqueued_at = clock_timestamp() - interval '9 hours' RETURNING 1")
    assert not consumer.claim(1000)
    assert engine.bus().depth().lag_seconds == 0.0
    engine.bus().append(Batch(2, Lane.LIVE, 1, b"z\n"))


def test_what_waited_for_the_end_of_a_rest_is_claimed_together_once_a_batch_is_stored(
    consumer: InboxConsumer,
) -> None:
    rested(consumer)
    wait_in_bus(1, 5)
    assert not consumer.claim(1000)
    # The rest is over, and one more of them is refused by itself.
    consumer._strikes._resting.clear()
    refused = consumer.claim(1000)
    consumer.park(refused, 30)
    consumer._strikes._resting.clear()
    assert [len(claimed(consumer, 1000)) for _ in range(3)] == [1, 3, 0]
    assert rows("SELECT id, parked_until > now() FROM inbox") == [(refused[0], True)]


def test_only_a_claim_that_left_nothing_is_worth_a_pause(consumer: InboxConsumer) -> None:
    for project in range(1, 61):
        wait_in_bus(project, 1)
    consumer._wary_until = math.inf
    busy = []
    while claimed(consumer, 1000):
        busy.append(consumer.busy)
    assert busy == [True] * 59 + [False]


@pytest.mark.parametrize(("size", "busy"), [(1000, False), (10, True)])
def test_a_claim_bounded_by_events_leaves_more(consumer: InboxConsumer, size: int, busy: bool) -> None:
    wait_in_bus(1, 5, events=5)
    consumer.claim(size)
    assert consumer.busy is busy


def test_a_claim_leaves_the_session_s_planner_as_it_was(consumer: InboxConsumer) -> None:
    wait_in_bus(1, 1)
    consumer.claim(10)
    assert consumer._connection.execute("SHOW enable_bitmapscan").fetchone() == ("on",)


@pytest.mark.parametrize("analyzed", [False, True])
def test_the_head_of_the_queue_is_found_behind_any_number_of_suspects(pipeline: None, analyzed: bool) -> None:
    wait_in_bus(1, 20_000)
    rows("UPDATE inbox SET parked_until = now() RETURNING 1")
    wait_in_bus(2, 5)
    with connect(name="test", autocommit=True) as link:
        if analyzed:
            link.execute("ANALYZE inbox")
        plan = "\n".join(
            line for (line,) in link.execute(sql.SQL("EXPLAIN {}").format(sql.SQL(SQL["depth"])))
        )
    assert plan.count("using inbox_fresh on inbox") == 1, plan
    assert plan.count("using inbox_pkey on inbox") == 1, plan
    assert "Seq Scan on inbox" not in plan, plan


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_claim_of_a_suspect_walks_past_those_that_rest(pipeline: None, analyzed: bool) -> None:
    wait_in_bus(1, 20_000)
    wait_in_bus(2, 5)
    rows("UPDATE inbox SET parked_until = now() RETURNING 1")
    with connect(name="test") as link:
        if analyzed:
            link.execute("ANALYZE inbox")
        link.execute(SQL["walk_in_order"])
        explain = sql.SQL("EXPLAIN {}").format(sql.SQL(SQL["claim_suspect"]))
        plan = "\n".join(line for (line,) in link.execute(explain, {"resting": [1], "slot": 0}))
    assert plan.count("using inbox_parked on inbox") == 3, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_claim_walks_through_nobody_elses_batches(pipeline: None, analyzed: bool) -> None:
    wait_in_bus(1, 20_000)
    wait_in_bus(2, 5)
    params = {"after": 0, "projects": 64, "share": 250, "in_debt": [1], "ahead": [5], "resting": [],
              "one_project": False, "events": 10_000, "bytes": 1 << 24, "slot": 0}  # fmt: skip
    with connect(name="test") as link:
        if analyzed:
            link.execute("ANALYZE inbox")
        link.execute(SQL["walk_in_order"])
        explain = sql.SQL("EXPLAIN {}").format(sql.SQL(SQL["claim"]))
        plan = "\n".join(line for (line,) in link.execute(explain, params))
    assert plan.count("using inbox_free on inbox") == 3, plan
    assert plan.count("inbox_pkey") == 1, plan
    assert "Seq Scan" not in plan, plan


def test_a_processor_too_many_is_told_so_and_lets_its_connection_go(
    consumer: InboxConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "SLOTS", 1)
    link = connect(name="test consumer", autocommit=True)
    with pytest.raises(NoSlot):
        InboxConsumer(link, lease=60)
    assert link.closed
