"""Nobody waits for a database that says nothing: connecting, the pool of Django and the key lookups are bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError, connections
from pytest_django import Settings

from chaos.proxy import FaultProxy
from config.lib.bounded import BoundedConnection
from config.lib.postgres import connect
from events.gateway import auth
from events.gateway.auth import KeyCache, keys
from events.gateway.lookups import Lookups
from events.models import ApiKey
from events.services import revoke_key
from tests.support.pipeline import rows
from tests.support.proxied import ALIAS, proxied_database
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

HELLO = {"type": "hello", "userId": "u1"}


@pytest.fixture
def proxy(pipeline: None) -> Iterator[FaultProxy]:
    with proxied_database() as made:
        yield made


@pytest.fixture
def lookups(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookups]:
    """The gateway's lookups through the proxy; nothing is known."""
    made = Lookups(partial(connect, name="proxied lookups", alias=ALIAS, autocommit=True, deadline=0.9))
    monkeypatch.setattr(auth, "lookups", made)
    keys.clear()
    yield made
    made.close()


def seconds_until_refused(call: Callable[[], object], error: type[Exception]) -> float:
    started = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - started


# --- connecting -----------------------------------------------------------------------------------------------


def test_connecting_to_a_black_hole_ends_in_less_than_libpq_s_two_seconds(proxy: FaultProxy) -> None:
    proxy.set("blackhole")
    call = partial(connect, name="bounded", alias=ALIAS, deadline=0.3)
    assert 0.2 < seconds_until_refused(call, psycopg.OperationalError) < 1.5


def test_several_hosts_share_the_time_and_the_last_may_answer(proxy: FaultProxy) -> None:
    params = connections[ALIAS].get_connection_params()
    with FaultProxy(proxy.target) as hole:
        hole.set("blackhole")
        both = {"host": f"{hole.host},{proxy.host}", "port": f"{hole.port},{proxy.port}"}
        started = time.monotonic()
        link = BoundedConnection.connect(
            dbname=params["dbname"],
            user=params.get("user"),
            password=params.get("password"),
            within=2,
            **both,
        )
    with link:
        assert link.execute("SELECT 1").fetchone() == (1,)
    assert 0.9 < time.monotonic() - started < 2


# --- the pool of Django ---------------------------------------------------------------------------------------


@pytest.fixture
def pooled(proxy: FaultProxy) -> Iterator[Callable[[], object]]:
    """One question over Django's pool, through the proxy."""

    def ask() -> object:
        link = connections[ALIAS]
        try:
            with link.cursor() as cursor:
                cursor.execute("SELECT 1")
                return cursor.fetchone()
        finally:
            link.close()

    assert ask() == (1,)
    yield ask
    connections[ALIAS].close_pool()


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole", "swallow"])
def test_a_pool_whose_database_is_away_says_so_in_time_and_recovers(
    proxy: FaultProxy, pooled: Callable[[], object], mode: str
) -> None:
    with proxy.fault(mode):
        assert seconds_until_refused(pooled, OperationalError) < 1.0
        # Some later, the pool knows.
        wait_until(lambda: seconds_until_refused(pooled, OperationalError) < 0.3, what="short waits")
    wait_until(lambda: answers(pooled), seconds=5, what="a connection")


def test_after_a_restart_of_the_server_the_first_question_is_answered(
    proxy: FaultProxy, pooled: Callable[[], object]
) -> None:
    """Connections that died together are not tried one by one."""
    links = [connections[ALIAS].pool.getconn() for _ in range(5)]
    for link in links:
        connections[ALIAS].pool.putconn(link)
    proxy.set("reset")
    proxy.set("pass")
    assert pooled() == (1,)


def answers(ask: Callable[[], object]) -> bool:
    try:
        return ask() == (1,)
    except OperationalError:
        return False


# --- lookups of keys ------------------------------------------------------------------------------------------


def test_a_known_key_works_while_the_database_is_away(
    proxy: FaultProxy, lookups: Lookups, acme: Tenant, settings: Settings
) -> None:
    settings.KEY_CACHE_SECONDS = 0
    assert acme.send(HELLO).status_code == 202
    with proxy.fault("blackhole"):
        started = time.monotonic()
        assert acme.send(HELLO).status_code == 202
        assert time.monotonic() - started < 1


def test_an_unknown_key_gets_503_in_time_and_401_when_the_database_is_back(
    proxy: FaultProxy, lookups: Lookups, acme: Tenant
) -> None:
    stranger = Tenant(acme.id, acme.slug, "slw_unknown", "slr_unknown")
    with proxy.fault("blackhole"):
        started = time.monotonic()
        answer = stranger.send(HELLO)
        assert time.monotonic() - started < 1
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer["Retry-After"]) >= 1
        started = time.monotonic()
        assert stranger.send(HELLO).status_code == 503
        assert time.monotonic() - started < 0.2
    wait_until(lambda: stranger.send(HELLO).status_code == 401, seconds=5, what="an answer about the key")


def test_a_process_that_starts_during_an_outage_knows_the_keys_that_were_used(
    proxy: FaultProxy,
    lookups: Lookups,
    acme: Tenant,
    globex: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Settings,
) -> None:
    settings.KEY_CACHE_SECONDS = 0

    def start_anew() -> None:
        """What a process has in memory is gone, as after its end."""
        monkeypatch.setattr(auth, "keys", KeyCache())
        auth.keys.keep_at(tmp_path / "known-keys.json")

    start_anew()
    assert acme.send(HELLO).status_code == 202
    with proxy.fault("blackhole"):
        start_anew()
        started = time.monotonic()
        assert acme.send(HELLO).status_code == 202
        assert time.monotonic() - started < 1
        assert globex.send(HELLO).status_code == 503
    assert revoke_key(key=ApiKey.objects.get(token=acme.write_key))
    start_anew()
    wait_until(lambda: acme.send(HELLO).status_code == 401, seconds=5, what="an answer about the key")
    with proxy.fault("blackhole"):
        start_anew()
        assert acme.send(HELLO).status_code == 503


def test_a_connection_that_died_while_nobody_looked_is_replaced_unnoticed(
    lookups: Lookups, acme: Tenant
) -> None:
    assert acme.send(HELLO).status_code == 202
    rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'sluice proxied lookups' AND datname = current_database()"
    )
    keys.clear()
    assert acme.send(HELLO).status_code == 202
