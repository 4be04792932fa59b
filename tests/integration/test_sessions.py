"""Sessions: whatever arrives in whatever order, the result is that of a computation from scratch."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import engine
from config.lib.postgres import connect
from events.processor.worker import Worker
from sessions import services
from sessions.rules import SHARDS
from sessions.services import rebuild_touched
from tests.support.assertions import assert_sessions_equal_raw, stored_sessions
from tests.support.pipeline import (
    NOON,
    append,
    event,
    new_project,
    process_all,
    processor,
    rebuild_sessions,
    rows,
    store_all,
)
from tests.support.tenants import Tenant

MINUTE = timedelta(minutes=1)
#: Pauses around the gap of 30 minutes are where mistakes hide; the moments span two days.
moments = st.builds(
    lambda base, minutes, micros: base + timedelta(minutes=minutes, microseconds=micros),
    st.sampled_from([NOON, NOON + timedelta(hours=11)]),
    st.integers(0, 20).map(lambda n: n * 15),
    st.sampled_from([0, 0, 0, -1, 1]),
)
arrivals = st.lists(st.tuples(st.sampled_from(["ann", "bob", "cid"]), moments), min_size=1, max_size=40)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@given(
    arrivals=arrivals,
    cuts=st.lists(st.integers(1, 40), max_size=5),
    rebuilds=st.randoms(use_true_random=False),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_arrival_gives_the_sessions_of_a_computation_from_scratch(
    pipeline: None, arrivals: list[tuple[str, datetime]], cuts: list[int], rebuilds: random.Random
) -> None:
    project = new_project()
    edges = [0, *sorted(set(cuts)), len(arrivals)]
    with processor() as running:
        for start, end in pairwise(edges):
            append(project, [event(user, ts) for user, ts in arrivals[start:end]], size=10)
            process_all(running)
            if rebuilds.random() < 0.6:
                rebuild_sessions()
    rebuild_sessions()
    assert sum(events for *_, events in stored_sessions(project)) == len(arrivals)
    assert_sessions_equal_raw(project)


@pytest.mark.parametrize(
    ("pause", "sessions"),
    [(timedelta(minutes=30), 1), (timedelta(minutes=30, microseconds=1), 2)],
)
def test_only_a_pause_longer_than_the_gap_starts_a_session(
    acme: Tenant, pause: timedelta, sessions: int
) -> None:
    store_all(acme.id, [event("u1", NOON), event("u1", NOON + pause)])
    assert len(stored_sessions(acme.id)) == sessions


def test_a_late_event_between_two_sessions_merges_them(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", at(0)), event("u1", at(50))])
    assert len(stored_sessions(acme.id)) == 2
    store_all(acme.id, [event("u1", at(25))])
    assert stored_sessions(acme.id) == [("u1", at(0), at(50), 3)]


def test_a_late_event_before_a_session_extends_it_backwards(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", at(0))])
    store_all(acme.id, [event("u1", at(-20))])
    assert stored_sessions(acme.id) == [("u1", at(-20), at(0), 2)]


def test_a_session_may_cross_midnight(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", at(719)), event("u1", at(721))])
    assert stored_sessions(acme.id) == [("u1", at(719), at(721), 2)]


def test_a_duplicate_changes_no_session(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", at(0), id="same")])
    store_all(acme.id, [event("u1", at(500), id="same")])
    assert stored_sessions(acme.id) == [("u1", at(0), at(0), 1)]


def test_users_of_two_tenants_never_share_a_session(acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event("u1", at(0))])
    store_all(globex.id, [event("u1", at(10))])
    assert [len(stored_sessions(tenant.id)) for tenant in (acme, globex)] == [1, 1]


def test_ids_are_the_same_after_a_rebuild_and_differ_between_tenants(acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        store_all(tenant.id, [event("u1", at(0)), event("u1", at(60))])
    before = rows("SELECT session_id, project_id, start_ts FROM session ORDER BY 1")
    rows("DELETE FROM session RETURNING 1")
    call_command("rebuild_sessions", verbosity=0)
    assert rows("SELECT session_id, project_id, start_ts FROM session ORDER BY 1") == before
    assert len({one for one, _, _ in before}) == 4


def test_entry_and_exit_are_the_first_and_last_place(acme: Tenant) -> None:
    places = {0: {"path": "/in"}, 5: {"path": "/middle"}, 9: {"url": "https://x.example/out"}}
    store_all(acme.id, [event("u1", at(minute), **props) for minute, props in reversed(places.items())])
    assert rows("SELECT entry, exit FROM session") == [("/in", "https://x.example/out")]


def test_a_session_without_places_shows_event_types(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", at(0), type="open"), event("u1", at(1), type="close")])
    assert rows("SELECT entry, exit FROM session") == [("open", "close")]


def test_work_of_many_users_spreads_over_shards_and_is_all_done(acme: Tenant) -> None:
    append(acme.id, [event(f"u{i}") for i in range(200)])
    process_all()
    assert len(rows("SELECT DISTINCT shard FROM session_work")) == SHARDS
    assert rebuild_sessions() == 200
    assert not rows("SELECT 1 FROM session_work")


def test_a_user_touched_by_many_claims_is_rebuilt_once_for_all_of_them(acme: Tenant) -> None:
    for minute in range(50):
        append(acme.id, [event("ann", at(minute))])
        process_all()
    assert len(rows("SELECT 1 FROM session_work")) == 50
    with connect(name="test sessions", autocommit=True) as link:
        assert rebuild_touched(connection=link) == 1
    assert_sessions_equal_raw(acme.id)


def test_a_list_longer_than_a_transaction_takes_is_done_in_several(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_BATCH", 2)
    for minute in range(5):
        append(acme.id, [event(user, at(minute)) for user in ("ann", "bob", "cid")])
        process_all()
    with connect(name="test sessions", autocommit=True) as link:
        assert rebuild_touched(connection=link) > 3
    assert not rows("SELECT 1 FROM session_work")
    assert_sessions_equal_raw(acme.id)


def test_rebuilds_beside_processors_miss_nothing(acme: Tenant) -> None:
    append(acme.id, [event(f"u{n % 7}", at(n * 13 % 997)) for n in range(600)], size=5)
    worker = Worker(engine.processor)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        while rows("SELECT 1 FROM inbox LIMIT 1"):
            rebuild_sessions()
    finally:
        worker.stop()
        thread.join()
    rebuild_sessions()
    assert sum(events for *_, events in stored_sessions(acme.id)) == 600
    assert_sessions_equal_raw(acme.id)


def test_damaged_rollups_of_sessions_are_found_and_mended(acme: Tenant) -> None:
    store_all(acme.id, [event(f"u{i}", at(40 * i)) for i in range(5)])
    rows("UPDATE rollup_sessions_1h SET sessions = sessions + 1 RETURNING 1")
    days = ("--from", "2025-06-02", "--to", "2025-06-02")
    with pytest.raises(SystemExit, match="buckets differ"):
        call_command("check_rollups", *days)
    call_command("rebuild_rollups", *days, verbosity=0)
    call_command("check_rollups", *days)
    assert_sessions_equal_raw(acme.id)


def test_a_damaged_day_is_mended_by_the_command(acme: Tenant) -> None:
    store_all(acme.id, [event(f"u{i}", at(40 * i)) for i in range(5)])
    rows("UPDATE session SET events = 99, end_ts = end_ts + interval '1 minute' RETURNING 1")
    call_command("rebuild_sessions", "--from", "2025-06-02", "--to", "2025-06-02", verbosity=0)
    assert_sessions_equal_raw(acme.id)
