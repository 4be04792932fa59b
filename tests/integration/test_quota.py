"""Quotas: exact over all gateways together, and kept up while the database is away."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

from config.lib.postgres import connect
from events.gateway.quota import Quota, QuotaExceeded, Quotas, quota_of
from tests.docs.repository import ROOT
from tests.support.pipeline import new_project, rows

Cursor = AbstractContextManager["psycopg.Cursor[Any]"]


class Gateway:
    """A gateway process as far as quotas go: a connection of its own, for one thread at a time."""

    def __init__(self) -> None:
        self._link = connect(name="test quota", autocommit=True)
        self._lock = threading.Lock()
        self.asked = 0
        self.quotas = Quotas(self._cursor, within=1)

    @contextmanager
    def _cursor(self, within: float) -> Iterator[psycopg.Cursor[Any]]:
        with self._lock:
            self.asked += 1
            yield self._link.cursor()

    def close(self) -> None:
        self._link.close()


@pytest.fixture
def gateways(pipeline: None) -> Iterator[list[Gateway]]:
    made = [Gateway() for _ in range(3)]
    yield made
    for gateway in made:
        gateway.close()


def passes(quotas: Quotas, quota: Quota, events: int) -> bool:
    try:
        quotas.spend(quota, events)
    except QuotaExceeded:
        return False
    return True


def test_several_gateways_together_pass_no_more_than_burst_and_rate_allow(gateways: list[Gateway]) -> None:
    quota = Quota(new_project(), rate=1000, burst=3000)
    until = time.monotonic() + 1.5

    def send(number: int) -> int:
        passed = 0
        while time.monotonic() < until:
            passed += 7 if passes(gateways[number % 3].quotas, quota, 7) else 0
        return passed

    started = time.monotonic()
    with ThreadPoolExecutor(9) as pool:
        passed = sum(pool.map(send, range(9)))
    most = quota.burst + quota.rate * (time.monotonic() - started)
    assert passed <= most
    # Leased and not spent may be a tenth of a second's worth in each gateway.
    assert passed >= quota.burst + quota.rate * 1.5 - 3 * 100 - 9 * 7


_LEASES = """
import sys, time
import django
django.setup()
from config.lib.postgres import connect
from events.gateway.quota import SQL
link, got = connect(name="test quota", autocommit=True), 0.0
until = time.monotonic() + 1
while time.monotonic() < until:
    params = dict(project_id=int(sys.argv[1]), rate=500.0, burst=2000.0, needed=3.0, wanted=50.0)
    got += link.execute(SQL["lease"], params).fetchone()[0]
print(got)
"""


def test_leases_of_several_processes_are_exact(pipeline: None, settings: Settings) -> None:
    project = new_project()
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    started = time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _LEASES, str(project)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env={"DATABASE_URL": url, "DATA_DIR": str(settings.DATA_DIR), "PATH": "/usr/bin:/bin",
                 "DJANGO_SETTINGS_MODULE": "config.settings"},
        )
        for _ in range(3)
    ]  # fmt: skip
    granted = sum(float(process.communicate(timeout=60)[0]) for process in processes)
    assert 2000 + 500 * 0.5 <= granted <= 2000 + 500 * (time.monotonic() - started)


def test_tokens_are_leased_a_tenth_of_a_second_at_a_time(gateways: list[Gateway]) -> None:
    quota = Quota(new_project(), rate=10_000, burst=20_000)
    for _ in range(1000):
        assert passes(gateways[0].quotas, quota, 1)
    assert gateways[0].asked == 1


def test_a_request_larger_than_a_lease_gets_what_it_needs_or_nothing(gateways: list[Gateway]) -> None:
    quota = Quota(new_project(), rate=10, burst=2000)
    assert passes(gateways[0].quotas, quota, 1500)
    with pytest.raises(QuotaExceeded) as over:
        gateways[0].quotas.spend(quota, 1000)
    assert over.value.extra["retry_after"] == pytest.approx(50, abs=1)
    assert passes(gateways[1].quotas, quota, 400)


def test_projects_have_buckets_of_their_own(gateways: list[Gateway]) -> None:
    first, second = (Quota(new_project(), rate=1, burst=10) for _ in range(2))
    assert passes(gateways[0].quotas, first, 10)
    assert not passes(gateways[0].quotas, first, 10)
    assert passes(gateways[0].quotas, second, 10)


def test_a_clock_that_was_set_back_neither_gives_nor_takes(gateways: list[Gateway]) -> None:
    quota = Quota(new_project(), rate=10, burst=100)
    assert passes(gateways[0].quotas, quota, 50)
    rows("UPDATE quota_bucket SET refilled_at = refilled_at + interval '1 hour' RETURNING 1")
    assert not passes(gateways[0].quotas, quota, 60)
    assert passes(gateways[0].quotas, quota, 49)


def test_while_the_database_is_away_each_gateway_keeps_the_same_rate(pipeline: None) -> None:
    def away(within: float) -> Cursor:
        raise psycopg.OperationalError("away")

    quotas = Quotas(away, within=1)
    quota = Quota(1, rate=10, burst=100)
    assert passes(quotas, quota, 100)
    with pytest.raises(QuotaExceeded) as over:
        quotas.spend(quota, 50)
    assert over.value.extra["retry_after"] == pytest.approx(5, abs=0.5)


def test_nobody_waits_longer_for_another_s_lease_than_for_his_own(pipeline: None) -> None:
    """Who cannot have the purse in time spends from the process's own bucket."""
    release, asked = threading.Event(), threading.Event()

    @contextmanager
    def slow(within: float) -> Iterator[psycopg.Cursor[Any]]:
        asked.set()
        release.wait(10)
        raise psycopg.OperationalError("away")
        yield

    quotas, quota = Quotas(slow, within=0.1), Quota(1, rate=10, burst=100)
    first = threading.Thread(target=quotas.spend, args=(quota, 50))
    first.start()
    asked.wait(10)
    started = time.monotonic()
    assert passes(quotas, quota, 30)
    assert not passes(quotas, quota, 80)
    assert time.monotonic() - started < 1
    release.set()
    first.join()


def test_the_wait_for_the_purse_and_the_lease_share_the_time(pipeline: None) -> None:
    given: list[float] = []

    def away(within: float) -> Cursor:
        given.append(within)
        raise psycopg.OperationalError("away")

    quotas, quota = Quotas(away, within=5), Quota(1, rate=10, burst=100)
    held = _Held(quotas._purse(quota).lock, seconds=0.3)
    quotas._purse(quota).lock = held  # type: ignore[assignment]
    assert passes(quotas, quota, 1)
    assert 0 < given[0] <= 4.7


class _Held:
    """A lock that somebody else gives back after `seconds`."""

    def __init__(self, lock: threading.Lock, seconds: float) -> None:
        self._lock, self._seconds = lock, seconds
        self.release = lock.release

    def acquire(self, timeout: float) -> bool:
        threading.Event().wait(self._seconds)
        return self._lock.acquire(timeout=timeout)


def test_a_quota_that_was_changed_holds_from_the_next_look_at_the_key(gateways: list[Gateway]) -> None:
    project = new_project()
    assert not passes(gateways[0].quotas, Quota(project, rate=1, burst=10), 20)
    assert passes(gateways[0].quotas, Quota(project, rate=1_000_000, burst=1_000_000), 20)


@pytest.mark.parametrize(
    ("rate", "burst", "everybody", "found"),
    [
        (0, 0, 0, None),
        (0, 9000, 0, None),
        (500, 0, 0, (500, 5000)),
        (500, 9000, 20, (500, 9000)),
        (0, 0, 400, (400, 4000)),
        (5, 10, 0, (5, 2000)),
    ],
)
def test_a_projects_own_values_go_before_the_installations(
    settings: Settings, rate: int, burst: int, everybody: int, found: tuple[int, int] | None
) -> None:
    settings.PROJECT_EVENTS_PER_SECOND = everybody
    quota = quota_of(7, rate, burst)
    assert (quota and (quota.rate, quota.burst)) == found
