"""Readiness waits for a slow standby as long as for the rest, and for a lost one no longer than a probe does."""

from __future__ import annotations

import json
import time

import pytest
from django.test import RequestFactory

from config import health, replica


@pytest.fixture(autouse=True)
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the standby is there, after a while."""

    def database() -> dict[str, str]:
        time.sleep(0.2)
        return {"database": "ok"}

    monkeypatch.setattr(health, "_database_lines", database)
    monkeypatch.setattr(health, "_broker", lambda: "ok")
    monkeypatch.setattr(health, "_spool", lambda: "ok")
    monkeypatch.setattr(replica, "reading", lambda: "read")


def ready() -> tuple[int, dict[str, str], float]:
    started = time.monotonic()
    answer = health.ready(RequestFactory().get("/health/ready"))
    return answer.status_code, json.loads(answer.content)["checks"], time.monotonic() - started


def standby(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    def line(within: float) -> str:
        time.sleep(min(seconds, within))
        return "ok: 0 s behind" if seconds < within else "unreachable"

    monkeypatch.setattr(replica, "_line", line)


def test_a_standby_far_away_is_asked_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    standby(monkeypatch, seconds=0.4)
    status, checks, took = ready()
    assert (status, checks["replica"]) == (200, "ok: 0 s behind")
    assert took < 0.58


def test_one_that_does_not_answer_holds_up_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    standby(monkeypatch, seconds=9)
    status, checks, took = ready()
    assert (status, checks["replica"]) == (200, "unreachable")
    assert took < 0.98


def test_where_there_is_none_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "reading", lambda: "default")
    assert "replica" not in ready()[1]
