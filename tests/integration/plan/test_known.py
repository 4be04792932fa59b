"""How plans reach a gateway: with its keys, within their cache time; and what it does while the database is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_django import Settings

from chaos.proxy import FaultProxy
from config.lib.postgres import connect
from events.gateway import auth
from events.gateway.auth import KeyCache, keys
from events.gateway.lookups import Lookups
from events.plan import known, services
from events.plan.kept import KeptPlans
from events.plan.known import Plans
from events.plan.modes import Mode
from events.plan.rules import Plan
from tests.support.planning import ORDER, order, plan
from tests.support.proxied import ALIAS, proxied_database
from tests.support.tenants import Tenant


@pytest.fixture
def proxy(pipeline: None) -> Iterator[FaultProxy]:
    with proxied_database() as made:
        yield made


@pytest.fixture
def lookups(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookups]:
    """The gateway's lookups through the proxy; nothing is known."""
    made = Lookups(partial(connect, name="proxied lookups", alias=ALIAS, autocommit=True, deadline=0.9))
    monkeypatch.setattr(auth, "lookups", made)
    from events.gateway import views

    monkeypatch.setattr(views, "plans", Plans(made.cursor))
    keys.clear()
    yield made
    made.close()


def quarantined(tenant: Tenant) -> int:
    answer = tenant.send(order(amount="1"))
    assert answer.status_code == 202, answer.content
    return int(answer.json()["quarantined"])


def test_a_change_is_effective_within_the_cache_time(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    assert quarantined(acme) == 0
    services.put_type(project_id=acme.id, type="order", mode=Mode.ENFORCE, schema=ORDER, by="ann")
    assert quarantined(acme) == 0
    monkeypatch.setattr(auth.time, "monotonic", lambda: now + auth.settings.KEY_CACHE_SECONDS + 0.1)
    assert quarantined(acme) == 1
    services.delete_type(project_id=acme.id, type="order", by="ann")
    monkeypatch.setattr(auth.time, "monotonic", lambda: now + 2 * auth.settings.KEY_CACHE_SECONDS + 0.2)
    assert quarantined(acme) == 0


def test_the_known_plan_goes_on_while_the_database_is_away(
    proxy: FaultProxy, lookups: Lookups, acme: Tenant, settings: Settings
) -> None:
    settings.KEY_CACHE_SECONDS = 0
    plan(acme.id)
    assert quarantined(acme) == 1
    with proxy.fault("blackhole"):
        started = time.monotonic()
        assert quarantined(acme) == 1
        assert time.monotonic() - started < 1


def test_a_process_that_starts_meanwhile_knows_the_plan_from_disk(
    proxy: FaultProxy,
    lookups: Lookups,
    acme: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Settings,
) -> None:
    from events.gateway import views

    settings.KEY_CACHE_SECONDS = 0

    def start_anew(folder: Path) -> None:
        """What a process has in memory is gone, as after its end."""
        monkeypatch.setattr(auth, "keys", KeyCache())
        auth.keys.keep_at(tmp_path / "known-keys.json")
        monkeypatch.setattr(views, "plans", Plans(lookups.cursor))
        views.plans.keep_at(folder)

    plan(acme.id)
    start_anew(tmp_path / "plans")
    assert quarantined(acme) == 1
    with proxy.fault("blackhole"):
        start_anew(tmp_path / "plans")
        assert quarantined(acme) == 1
        # Without it, events are taken unseen: none is lost.
        start_anew(tmp_path / "elsewhere")
        assert quarantined(acme) == 0


def test_memory_is_bounded(acme: Tenant, globex: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(acme.id)
    plan(globex.id)
    found = Plans(known.lookups.cursor)
    first = found.of(acme.id, 1)
    assert first is not None and found.of(acme.id, 1) is first
    monkeypatch.setattr(known, "_MOST_BYTES", first.weight + 1)
    assert found.of(globex.id, 1)
    assert found.of(acme.id, 1) is not first
    assert found.of(acme.id, 0) is None


def test_a_version_that_is_newer_than_the_key_s_is_taken(acme: Tenant) -> None:
    plan(acme.id)
    plan(acme.id, "other")
    found = Plans(known.lookups.cursor)
    newer = found.of(acme.id, 2)
    assert newer is not None and newer.version == 2
    assert found.of(acme.id, 1) is newer


def test_a_plan_that_cannot_be_looked_up_holds_up_no_key(
    acme: Tenant, globex: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    assert known.lookups is not auth.lookups
    plan(acme.id)
    with pytest.raises(psycopg.OperationalError), known.lookups.cursor(1) as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    keys.clear()
    assert quarantined(globex) == 0
    assert quarantined(acme) == 0
    assert "not looked at" in caplog.text
    known.lookups.close()
    assert quarantined(acme) == 1


def test_the_known_plan_goes_on_while_a_newer_one_is_looked_up(acme: Tenant) -> None:
    plan(acme.id)
    answers: list[Plan | None] = []

    @contextmanager
    def slow(within: float) -> Iterator[Any]:
        """Ask for the plan again, as another thread would meanwhile."""
        if answers:
            answers.append(found.of(acme.id, 2))
        with known.lookups.cursor(within) as cursor:
            yield cursor

    found = Plans(slow)
    answers.append(found.of(acme.id, 1))
    plan(acme.id, "other")
    newer = found.of(acme.id, 2)
    assert newer and newer.version == 2
    assert answers[1] is answers[0]


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b'[["x"]]', b'[[1, "allow", "a", "b", "c", 1]]'])
def test_a_file_that_cannot_be_read_is_no_plan(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "7.json").write_bytes(content)
    assert known.kept_plan(KeptPlans(tmp_path), 7) is None


def test_a_disk_that_takes_nothing_costs_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    kept = KeptPlans(tmp_path / "file" / "plans")
    for _ in range(2):
        kept.note(7, [(1, "allow", None, None, None, None)])
        assert kept.find(7) is None
    assert len(caplog.records) == 1
