"""POST /api/events over quota."""

from __future__ import annotations

from typing import Any

import pytest

from events.gateway.auth import keys
from events.gateway.quota import quotas
from events.models import Project
from tests.support.assertions import assert_balanced
from tests.support.pipeline import rows
from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}


@pytest.fixture(autouse=True)
def fresh_quotas() -> None:
    quotas.cache_clear()


def limit(tenant: Tenant, rate: int, burst: int = 0) -> None:
    Project.objects.filter(pk=tenant.id).update(quota_events_per_second=rate, quota_burst_events=burst)
    keys.clear()


def test_over_quota_is_429_with_the_time_to_wait_and_nothing_is_stored(acme: Tenant) -> None:
    limit(acme, rate=100, burst=2000)
    assert acme.send([HELLO] * 2000).status_code == 202
    answer = acme.send([HELLO] * 1000)
    assert answer.status_code == 429
    assert answer.json()["code"] == "quota_exceeded"
    assert 5 <= int(answer["Retry-After"]) <= 10
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert rows("SELECT sum(events) FROM inbox") == [(2000,)]
    assert_balanced()


def test_another_project_is_not_concerned(acme: Tenant, globex: Tenant) -> None:
    limit(acme, rate=1)
    acme.send([HELLO] * 2000)
    assert acme.send([HELLO] * 100).status_code == 429
    assert globex.send([HELLO] * 100).status_code == 202


def test_a_project_without_a_quota_has_no_bucket(acme: Tenant) -> None:
    for _ in range(3):
        assert acme.send([HELLO] * 2000).status_code == 202
    assert not rows("SELECT 1 FROM quota_bucket")


def test_a_request_that_fits_the_burst_passes_however_small_the_rate(acme: Tenant) -> None:
    limit(acme, rate=1, burst=1)
    assert acme.send([HELLO] * 2000).status_code == 202


def test_the_bucket_goes_with_its_project(acme: Tenant) -> None:
    limit(acme, rate=10)
    acme.send(HELLO)
    assert rows("SELECT project_id FROM quota_bucket") == [(acme.id,)]
    Project.objects.get(pk=acme.id).delete()
    assert not rows("SELECT 1 FROM quota_bucket")
