"""Every event sent three times, in other batches and with other timestamps, is stored and counted once."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.books import assert_exact, books_of
from tests.support.instance import RunningSluice
from tests.support.tenants import RemoteTenant, remote_tenants

pytestmark = pytest.mark.acceptance
EVENTS, TIMES, BATCH = 1500, 3, 40


def the_run(chance: random.Random) -> list[dict[str, Any]]:
    """Return every event three times, each time with another timestamp, in one random order."""
    now = datetime.now(UTC)

    def once(id: str, number: int) -> dict[str, Any]:
        ts = now - timedelta(seconds=chance.randrange(20 * 86_400))
        return {"eventId": id, "ts": ts.isoformat(), "type": f"t{number % 5}", "userId": f"u{number % 50}"}

    ids = [str(uuid.uuid4()) if n % 2 else f"order-{n}" for n in range(EVENTS)]
    sent = [once(id, number) for _ in range(TIMES) for number, id in enumerate(ids)]
    chance.shuffle(sent)
    return sent


@pytest.fixture(scope="module")
def sent(sluice: RunningSluice) -> RemoteTenant:
    (tenant,) = remote_tenants(sluice, "acme")
    run = the_run(random.Random(3))
    batches = [run[start : start + BATCH] for start in range(0, len(run), BATCH)]
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status for answer in pool.map(tenant.send, batches)} == {202}
    sluice.drain()
    return tenant


def test_each_event_is_stored_once(sent: RemoteTenant) -> None:
    found = sent.pages("/api/events", "events", range="30d", limit=1000)
    assert len(found) == EVENTS
    assert len({one["eventId"] for one in found}) == EVENTS


def test_each_event_is_counted_once(sent: RemoteTenant) -> None:
    series = sent.get("/api/metrics", metric="count", range="30d", groupBy="type", step="1d")["series"]
    assert {one["group"]["type"]: one["total"] for one in series} == {f"t{n}": EVENTS // 5 for n in range(5)}
    assert sent.total("users", "30d") == 50


def test_each_event_is_in_one_session(sent: RemoteTenant) -> None:
    sessions = sent.pages("/api/sessions", "sessions", range="30d", limit=1000)
    counted: Counter[str] = Counter()
    for one in sessions:
        counted[one["userId"]] += one["events"]
    assert counted == Counter(f"u{n % 50}" for n in range(EVENTS))


def test_rollups_are_exact_and_the_books_balance(sluice: RunningSluice, sent: RemoteTenant) -> None:
    assert_exact(sluice)
    outcomes = books_of(sluice)["outcomes"]
    assert outcomes.get("duplicate", 0) + outcomes.get("conflict", 0) >= EVENTS * (TIMES - 1)
