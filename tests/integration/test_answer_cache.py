"""Answers kept in a Redis that all processes share: computed by one of them, and by each where Redis is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings

from config import answer_cache
from config.answer_cache import CalmRedisCache
from metrics.query import remember
from metrics.query.remember import remembered
from tests.support.redis_server import RedisServer, missing
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "it is installed")


@dataclass(frozen=True)
class About:
    project_id: int


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A Redis, and answers kept in it."""
    server = RedisServer()
    server.start()
    monkeypatch.setattr(CalmRedisCache, "_resting_until", 0.0)
    try:
        with in_use(server.url):
            yield server
    finally:
        server.stop()


def in_use(url: str) -> Any:
    """Return what makes this process keep its answers as CACHE_URL would."""
    ours = {
        "BACKEND": "config.answer_cache.CalmRedisCache",
        "LOCATION": url,
        "KEY_FUNCTION": "config.answer_cache.key",
    }
    from django.conf import settings

    return override_settings(CACHES=settings.CACHES | {"answers": ours})


@pytest.fixture
def versionless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remember, "version_of", lambda project_id: 0)


def refuse() -> str:
    raise AssertionError("it was computed")


def names() -> list[bytes]:
    client = caches["answers"]._cache.get_client()  # type: ignore[attr-defined]
    return sorted(client.keys("*"))


@pytest.mark.usefixtures("versionless")
def test_an_answer_is_kept_where_all_processes_find_it(redis: RedisServer) -> None:
    assert remembered(About(1), 60, lambda: "one") == ("one", False)
    assert remembered(About(1), 60, refuse) == ("one", True)
    (name,) = names()
    assert name.startswith(f"sluice:{answer_cache._owner()}:answer:".encode())
    assert 50 < caches["answers"]._cache.get_client().ttl(name) <= 60  # type: ignore[attr-defined]


@pytest.mark.usefixtures("versionless")
def test_what_another_process_computes_is_waited_for(redis: RedisServer) -> None:
    remembered(About(1), 60, lambda: "its answer")
    (name,) = (one.decode().rpartition(":answer:")[2] for one in names())
    cache = caches["answers"]
    cache.delete(f"answer:{name}")
    cache.add(f"answer:{name}:lock", "", 60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(remembered, About(1), 60, refuse)
        wait_until(lambda: remember._flights, what="the question")
        assert not waiting.done()
        cache.set(f"answer:{name}", "its answer", 60)
        assert waiting.result(30) == ("its answer", True)


@pytest.mark.usefixtures("versionless")
def test_a_process_that_died_is_not_waited_for_longer_than_an_answer_may_take(
    redis: RedisServer, settings: Any
) -> None:
    settings.QUERY_TIMEOUT_MS = 300
    remembered(About(1), 60, lambda: "first")
    (name,) = (one.decode().rpartition(":answer:")[2] for one in names())
    cache = caches["answers"]
    cache.delete(f"answer:{name}")
    cache.add(f"answer:{name}:lock", "", 60)
    assert remembered(About(1), 60, lambda: "mine") == ("mine", False)


@pytest.mark.usefixtures("versionless")
def test_while_redis_is_away_answers_are_computed_and_the_log_stays_calm(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    remembered(About(1), 60, lambda: "kept")
    redis.stop()
    started = time.monotonic()
    for number in range(50):
        assert remembered(About(number), 60, lambda: "computed") == ("computed", False)
    assert time.monotonic() - started < 2
    (said,) = {record.getMessage() for record in caplog.records if record.name == "sluice.cache"}
    assert said == "the cache cannot be reached, answers are computed: ConnectionError"
    assert redis.url not in caplog.text


@pytest.mark.usefixtures("versionless")
def test_when_redis_is_back_it_is_used_again(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    redis.stop()
    remembered(About(1), 60, lambda: "first")
    redis.start()
    monkeypatch.setattr(CalmRedisCache, "_resting_until", 0.0)
    remembered(About(1), 60, lambda: "second")
    assert remembered(About(1), 60, refuse) == ("second", True)


def test_a_redis_that_was_never_there_fails_no_question(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CalmRedisCache, "_resting_until", 0.0)
    with in_use("redis://:secret@127.0.0.1:1/0"):
        answer = acme.get("/api/metrics", metric="count", range="24h")
    assert (answer.status_code, answer.json()["cached"]) == (200, False)


def test_answers_are_kept_for_each_tenant(redis: RedisServer, acme: Tenant, globex: Tenant) -> None:
    def cached(tenant: Tenant) -> bool:
        return bool(tenant.get("/api/metrics", metric="count", range="7d", step="1d").json()["cached"])

    assert [cached(acme), cached(acme), cached(globex), cached(globex)] == [False, True, False, True]


@pytest.mark.parametrize("name", ["metrics/query/odd.py", "metrics/query/odd.sql", "sessions/odd.sql"])
def test_another_release_finds_nothing(settings: Any, tmp_path: Path, name: str) -> None:
    settings.BASE_DIR, names = tmp_path, set()
    (tmp_path / name).parent.mkdir(parents=True)
    for text in ("-- one", "-- two"):
        (tmp_path / name).write_text(text)
        answer_cache._owner.cache_clear()
        names.add(answer_cache.key("answer:1", "", 1))
    answer_cache._owner.cache_clear()
    assert len(names) == 2


def test_what_a_session_is_tells_answers_apart(settings: Any) -> None:
    names = set()
    for minutes in (30, 31):
        settings.SESSION_GAP_MINUTES = minutes
        answer_cache._owner.cache_clear()
        names.add(answer_cache.key("answer:1", "", 1))
    answer_cache._owner.cache_clear()
    assert len(names) == 2


def test_another_installation_finds_nothing(settings: Any) -> None:
    names = set()
    for secret in ("one", "two"):
        settings.SECRET_KEY = secret
        answer_cache._owner.cache_clear()
        names.add(answer_cache.key("answer:1", "", 1))
    answer_cache._owner.cache_clear()
    assert len(names) == 2
