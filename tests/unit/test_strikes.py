"""A project whose batches are refused one after the other rests."""

from __future__ import annotations

import pytest

from events.bus import strikes as module
from events.bus.strikes import Strikes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def struck(times: int) -> Strikes:
    strikes = Strikes()
    for _ in range(times):
        strikes.refused(1, 30)
    return strikes


def test_two_in_a_row_are_an_accident(clock: list[float]) -> None:
    assert struck(2).resting() == []


def test_the_third_in_a_row_lets_the_project_rest_and_no_other(clock: list[float]) -> None:
    assert struck(3).resting() == [1]


def test_after_the_rest_one_more_is_enough(clock: list[float]) -> None:
    strikes = struck(3)
    clock[0] += 31
    assert strikes.resting() == []
    strikes.refused(1, 30)
    assert strikes.resting() == [1]


def test_what_goes_through_ends_the_rest(clock: list[float]) -> None:
    strikes = struck(3)
    strikes.stored([1])
    assert strikes.resting() == []


def test_what_goes_through_makes_up_for_it(clock: list[float]) -> None:
    strikes = struck(2)
    strikes.stored([1])
    strikes.refused(1, 30)
    assert strikes.resting() == []
