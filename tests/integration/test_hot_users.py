"""Hot users: very many events in one session delay nobody else's sessions, and their own are as right as any."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from config.lib.postgres import connect
from sessions import services
from sessions.rules import SHARDS
from sessions.services import rebuild_touched
from tests.support.assertions import assert_sessions_equal_raw, stored_sessions
from tests.support.pipeline import NOON, append, event, process_all, rebuild_sessions, rows, store_all
from tests.support.tenants import Tenant


@pytest.fixture(autouse=True)
def soon_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_HOT_EVENTS", 10)


@pytest.mark.parametrize(("shard", "waits"), [(0, False), (SHARDS, True)])
def test_work_of_hot_users_that_is_old_lets_ingest_go_first(acme: Tenant, shard: int, waits: bool) -> None:
    store_all(acme.id, [])
    for where, age in ((shard, "1 hour"), (1, "1 second")):
        rows(
            "INSERT INTO session_work (shard, project_id, users, user_ids, from_ts, to_ts, enqueued_at) "
            "VALUES (%s, %s, 1, '{u}', ARRAY[now()], ARRAY[now()], now() - %s::interval) RETURNING 1",
            where, acme.id, age,
        )  # fmt: skip
    with connect(name="test sessions", autocommit=True) as link:
        assert services.should_wait(connection=link, events_waiting=1_000_000) is waits


def clicks(user: str, first: int, last: int) -> list[dict[str, object]]:
    return [event(user, NOON + timedelta(seconds=n)) for n in range(first, last)]


def beat() -> None:
    """Do what one task does, with no time for hot users but the least."""
    with connect(name="test sessions", autocommit=True) as link:
        rebuild_touched(connection=link, seconds=60)


def test_others_are_done_first_and_hot_users_one_at_a_time(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_HOT_SECONDS", 0.0)
    hot = [f"hot{n}" for n in range(3)]
    store_all(acme.id, [click for user in hot for click in clicks(user, 0, 20)])
    append(acme.id, [click for user in [*hot, "ann", "bob"] for click in clicks(user, 20, 22)])
    process_all()
    left = []
    for _ in range(3):
        beat()
        assert {user for user, *_ in stored_sessions(acme.id)} >= {"ann", "bob"}
        left.append(len(rows("SELECT 1 FROM session_work WHERE shard >= %s", SHARDS)))
        assert not rows("SELECT 1 FROM session_work WHERE shard < %s", SHARDS)
    assert left == [2, 1, 0]
    assert_sessions_equal_raw(acme.id)


def test_work_of_a_hot_user_gathers_and_is_done_at_once(acme: Tenant) -> None:
    store_all(acme.id, clicks("hot", 0, 20))
    for n in range(20, 25):
        append(acme.id, clicks("hot", n, n + 1))
        process_all()
        put_off()
    assert len(rows("SELECT 1 FROM session_work WHERE shard >= %s", SHARDS)) == 5
    assert rebuild_sessions() == 1
    assert_sessions_equal_raw(acme.id)


def put_off() -> None:
    """Work on all but the hot users."""
    with connect(name="test sessions", autocommit=True) as link:
        for shard in services._busy(link, 0):
            services._rebuild_some(link, shard)


def test_sessions_of_hot_users_equal_a_computation_from_scratch(acme: Tenant) -> None:
    chance = random.Random(11)
    sent = [
        event(f"u{chance.randrange(3)}", NOON + timedelta(minutes=chance.choice((1, 29, 31, 300)) * n))
        for n in range(120)
    ]
    chance.shuffle(sent)
    for first in range(0, len(sent), 15):
        append(acme.id, sent[first : first + 15])
        process_all()
        if chance.random() < 0.6:
            beat()
    rebuild_sessions()
    assert not rows("SELECT 1 FROM session_work")
    assert_sessions_equal_raw(acme.id)
