"""The adaptive size of claims."""

from __future__ import annotations

import pytest

from events.processor.batch_size import BatchSize


def sized(events: int = 8000) -> BatchSize:
    size = BatchSize(least=500, most=10_000, target=1.0)
    size.events = events
    return size


def test_it_begins_with_the_most() -> None:
    assert BatchSize(least=500, most=10_000, target=1).events == 10_000


def test_a_slow_claim_halves_it() -> None:
    size = sized()
    size.done(8000, 1.2)
    assert size.events == 4000


def test_a_full_claim_that_was_fast_makes_it_half_as_large_again() -> None:
    size = sized(4000)
    size.done(3900, 0.2)
    assert size.events == 6001


@pytest.mark.parametrize(("events", "seconds"), [(8000, 0.8), (100, 0.01)])
def test_neither_slow_nor_both_full_and_fast_leaves_it(events: int, seconds: float) -> None:
    size = sized()
    size.done(events, seconds)
    assert size.events == 8000


def test_it_stays_within_its_bounds() -> None:
    size = sized()
    for _ in range(20):
        size.failed()
    assert size.events == 500
    for _ in range(20):
        size.done(size.events, 0.01)
    assert size.events == 10_000


def test_it_settles_below_the_target_on_a_slow_disk() -> None:
    size = sized(10_000)
    for _ in range(100):
        size.done(size.events, size.events / 2000)
    assert 900 <= size.events <= 2000


def test_a_least_above_the_most_gives_way() -> None:
    size = BatchSize(least=500, most=100, target=1)
    size.failed()
    assert size.events == 100
