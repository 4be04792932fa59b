"""Which faults, and in what order: a function of the seed and of what is possible on this machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from chaos.faults.base import FAULTS, PLAIN, SETUPS, Fault

#: What an injection takes beside its hold: calm, recovery, drain and checks; and what putting up an instance takes.
_EACH, _SETUP = 4.5, 16.0


@dataclass(frozen=True, slots=True)
class Planned:
    """One injection to come. `seed` is all that its chances depend on."""

    number: int
    fault: Fault
    seed: str


def possible(names: Sequence[str], *, short: bool) -> tuple[list[Fault], dict[str, str]]:
    """Return the faults to draw from, and what is left out and why. KeyError for a name that is none."""
    wanted = [FAULTS[name] for name in names] if names else sorted(FAULTS.values(), key=lambda one: one.name)
    left_out = {one.name: missing for one in wanted if (missing := SETUPS[one.setup].needs() or one.needs())}
    if short and not names:
        left_out |= {one.name: "in the long campaign only" for one in wanted if not one.short}
    return [one for one in wanted if one.name not in left_out], left_out


def long(faults: Sequence[Fault], *, count: int, seed: int) -> list[Planned]:
    """Return `count` injections: rounds of every fault as often as it weighs; or, if 0, each once."""
    rng = Random(seed)
    rounds: list[Fault] = [] if count else list(faults)
    while faults and len(rounds) < count:
        one_round = [fault for fault in faults for _ in range(fault.weight)]
        rng.shuffle(one_round)
        rounds += one_round
    return _numbered(_by_setup(rounds[: count or None]), seed)


def short(faults: Sequence[Fault], *, seconds: float, seed: int) -> tuple[list[Planned], dict[str, str]]:
    """Return as many faults, each once, as `seconds` have room for, and those that the seed left out."""
    rng = Random(seed)
    drawn, left = [], seconds
    setups: set[str] = set()
    left_out = {}
    for fault in rng.sample(list(faults), len(faults)):
        cost = _EACH + sum(fault.hold_short or fault.hold) / 2 + (_SETUP if fault.setup not in setups else 0)
        if cost > left:
            left_out[fault.name] = "not drawn by this seed"
            continue
        left -= cost
        setups.add(fault.setup)
        drawn.append(fault)
    return _numbered(_by_setup(drawn), seed), left_out


def _by_setup(faults: Iterable[Fault]) -> list[Fault]:
    """Bring those of one setup together, and no two of a kind in a row where that can be helped."""
    groups = itertools.groupby(sorted(faults, key=_place), key=_place)
    return [fault for _, group in groups for fault in _apart(list(group))]


def _place(fault: Fault) -> tuple[bool, str]:
    """Sort by setup, the plain one first: it is what most installations are."""
    return fault.setup != PLAIN.name, fault.setup


def _apart(faults: list[Fault]) -> list[Fault]:
    """A part that is killed again and again is restarted later and later: that is back-off, not a finding."""
    apart: list[Fault] = []
    while faults:
        recent = {fault.name for fault in apart[-3:]}
        place = next((place for place, fault in enumerate(faults) if fault.name not in recent), 0)
        apart.append(faults.pop(place))
    return apart


def _numbered(faults: Sequence[Fault], seed: int) -> list[Planned]:
    return [Planned(number, fault, f"{seed}/{number}/{fault.name}") for number, fault in enumerate(faults, 1)]
