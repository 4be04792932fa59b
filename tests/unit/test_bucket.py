"""The token bucket in memory."""

from __future__ import annotations

import pytest

from events.gateway.bucket import Bucket


@pytest.fixture
def now() -> list[float]:
    return [0.0]


def bucket(now: list[float]) -> Bucket:
    return Bucket(10, 50, clock=lambda: now[0])


def test_it_is_full_when_new_and_says_how_long_to_wait_when_empty(now: list[float]) -> None:
    full = bucket(now)
    assert full.take(50) == 0
    assert full.take(5) == 0.5


def test_a_refusal_takes_nothing(now: list[float]) -> None:
    full = bucket(now)
    assert full.take(51) > 0
    assert full.take(50) == 0


def test_it_refills_at_its_rate_and_not_beyond_its_burst(now: list[float]) -> None:
    empty = bucket(now)
    empty.take(50)
    now[0] = 2.0
    assert empty.take(20) == 0
    assert empty.take(1) == pytest.approx(0.1)
    now[0] = 1000.0
    assert empty.take(50) == 0
    assert empty.take(1) > 0
