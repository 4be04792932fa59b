"""Which faults a campaign injects: decided by the seed alone, and never silently left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import chaos.catalogue  # noqa: F401
from chaos import plan
from chaos.faults.base import FAULTS, SETUPS, USUAL, Fault, Scene


@contextmanager
def nothing(scene: Scene) -> Iterator[None]:
    yield


def made(name: str, **more: object) -> Fault:
    return Fault(name, "does nothing", nothing, **more)  # type: ignore[arg-type]


FEW = [
    made("a", weight=3),
    made("b"),
    made("c", setup="other"),
    made("d", hold=(40.0, 40.0), hold_short=(2.0, 2.0)),
]


def names(planned: list[plan.Planned]) -> list[str]:
    return [one.fault.name for one in planned]


def test_one_seed_is_one_sequence() -> None:
    many = [*FEW, *(made(name) for name in "efghij")]
    first, again, other = (plan.long(many, count=40, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert names(first) != names(other)


def test_every_injection_has_chances_of_its_own() -> None:
    planned = plan.long(FEW, count=40, seed=1)
    assert len({one.seed for one in planned}) == len(planned)


def test_faults_come_as_often_as_they_weigh_and_by_instance() -> None:
    planned = plan.long(FEW, count=60, seed=1)
    assert Counter(names(planned)) == {"a": 30, "b": 10, "c": 10, "d": 10}
    setups = [one.fault.setup for one in planned]
    assert setups == sorted(setups, reverse=True), "plain comes first"


def test_the_short_campaign_draws_what_it_has_time_for() -> None:
    planned, left_out = plan.short(FEW, seconds=30.0, seed=1)
    assert {*names(planned), *left_out} == {"a", "b", "c", "d"}
    assert left_out
    assert set(left_out.values()) == {"not drawn by this seed"}


def test_with_time_enough_the_short_campaign_injects_each_once() -> None:
    planned, left_out = plan.short(FEW, seconds=1000.0, seed=1)
    assert sorted(names(planned)) == ["a", "b", "c", "d"]
    assert not left_out


def test_what_cannot_be_injected_here_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, "impossible", made("impossible", setup="plain", needs=lambda: "no moon"))
    faults, left_out = plan.possible(["impossible", "kill-processor"], short=False)
    assert [one.name for one in faults] == ["kill-processor"]
    assert left_out == {"impossible": "no moon"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_fault_belongs_to_a_setup_and_has_sound_times(fault: Fault) -> None:
    assert fault.setup in SETUPS
    for shortest, longest in filter(None, (fault.hold, fault.hold_short)):
        assert 0 <= shortest <= longest
    usual = fault.back_within == fault.fresh_within == USUAL
    assert usual != bool(fault.because), "a bound of its own has a reason"
    assert fault.hold_short is None or fault.hold_short[1] <= 10, "too long for the short campaign"
