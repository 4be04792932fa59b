"""Backpressure: a full or unreachable bus is said so, and nothing half-accepted stays behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from config import engine
from config.lib.postgres import connect
from events.bus.base import BusUnavailable
from events.selectors import spool_depth
from tests.support.assertions import assert_balanced
from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}


@pytest.fixture
def small_bus(pipeline: None, settings: Settings) -> None:
    settings.BUS_MAX_EVENTS = 3
    engine.ingest_bus.cache_clear()


def test_at_the_bound_the_gateway_says_when_to_come_back(small_bus: None, acme: Tenant) -> None:
    assert acme.send([HELLO] * 3).status_code == 202
    answer = wait_until(lambda: refused(acme), what="the gauge")
    assert answer.json()["code"] == "bus_full"
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert_balanced()


def test_what_was_refused_is_not_stored_and_room_is_noticed(small_bus: None, acme: Tenant) -> None:
    acme.send([HELLO] * 3)
    wait_until(lambda: refused(acme), what="the gauge")
    waiting = rows("SELECT sum(events) FROM inbox")
    assert refused(acme)
    assert rows("SELECT sum(events) FROM inbox") == waiting
    process_all()
    wait_until(lambda: acme.send(HELLO).status_code == 202, what="room")


def test_a_bus_that_is_away_is_answered_from_the_spool_within_a_second(
    acme: Tenant, settings: Settings, tmp_path: Path
) -> None:
    settings.ACK_DEADLINE_MS, settings.SPOOL_DIR = 300, tmp_path
    engine.ingest_bus.cache_clear()
    with connect(name="lock") as link:
        link.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        answer = acme.send(HELLO)
    assert answer.status_code == 202
    assert rows("SELECT count(*) FROM inbox") == [(0,)]
    assert spool_depth().events == 1
    assert engine.ingest_bus().step() == 0
    assert spool_depth().events == 0
    assert rows("SELECT sum(events) FROM inbox") == [(1,)]
    engine.ingest_bus().stop()


def test_where_the_spool_is_full_too_the_answer_is_503(acme: Tenant, settings: Settings) -> None:
    settings.ACK_DEADLINE_MS, settings.SPOOL_MAX_BYTES = 300, 0
    engine.ingest_bus.cache_clear()
    with connect(name="lock") as link:
        link.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
        answer = acme.send(HELLO)
    assert answer.status_code == 503
    assert answer.json()["code"] == "bus_unavailable"
    assert "the spool on the gateway's disk is full" in answer.json()["detail"]
    assert int(answer["Retry-After"]) >= 1
    assert rows("SELECT count(*) FROM inbox") == [(0,)]
    engine.ingest_bus().step()
    assert acme.send(HELLO).status_code == 202


def test_success_is_never_answered_without_the_append(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(batch: object) -> None:
        raise BusUnavailable(retry_after=2)

    monkeypatch.setattr(engine.ingest_bus(), "append", fail, raising=True)
    answer = acme.send(HELLO)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def refused(tenant: Tenant) -> Any:
    answer = tenant.send(HELLO)
    return answer if answer.status_code == 503 else None
