"""Answers funnels in plain Python by trying every chain of events, sharing nothing with the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import mean
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Happened:
    """An event as the model knows it. Events of one moment are in the order of their ids."""

    person: str
    ts: datetime
    id: UUID
    type: str
    props: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A step: events of one of these types (none: any), whose properties have these values."""

    types: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()

    def takes(self, one: Happened) -> bool:
        """Tell whether an event is this step."""
        return (not self.types or one.type in self.types) and all(
            one.props.get(name) == value for name, value in self.where
        )

    def wire(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        filters = [f"props.{name}:eq:{value}" for name, value in self.where]
        return {"type": list(self.types), "filters": filters}


@dataclass(frozen=True)
class Stage:
    """How many persons reached a step, and the seconds that took them: median, ninth decile, average."""

    persons: int
    seconds: tuple[float, float, float] | None


def fastest(
    mine: Sequence[Happened], steps: Sequence[Wanted], window: timedelta, start: datetime, end: datetime
) -> list[timedelta | None]:
    """Return how long one person's shortest chain to each step is, None where there is none."""
    ordered = sorted(mine, key=lambda one: (one.ts, one.id))
    best: list[timedelta | None] = [None] * len(steps)
    for chain in _chains(ordered, steps, ()):
        first, last = chain[0], chain[-1]
        took = last.ts - first.ts
        reached = len(chain) - 1
        known = best[reached]
        if start <= first.ts < end and took <= window and (known is None or took < known):
            best[reached] = took
    return best


def _chains(
    left: Sequence[Happened], steps: Sequence[Wanted], so_far: tuple[Happened, ...]
) -> Iterator[tuple[Happened, ...]]:
    """Yield every way to take events for the steps, one after another; the ways to the first few steps as well."""
    if so_far:
        yield so_far
    if len(so_far) < len(steps):
        for place, one in enumerate(left):
            if steps[len(so_far)].takes(one):
                yield from _chains(left[place + 1 :], steps, (*so_far, one))


def entry_value(
    mine: Sequence[Happened], step: Wanted, start: datetime, end: datetime, name: str
) -> str | None:
    """Return a property of the first event with which somebody enters."""
    entries = [one for one in mine if step.takes(one) and start <= one.ts < end]
    first = min(entries, key=lambda one: (one.ts, one.id))
    return first.type if name == "type" else first.props.get(name)


def funnel(
    events: Sequence[Happened], steps: Sequence[Wanted], window: timedelta, start: datetime, end: datetime
) -> list[Stage]:
    """Return what the funnel of these events is."""
    by_person = defaultdict(list)
    for one in events:
        by_person[one.person].append(one)
    times = [fastest(mine, steps, window, start, end) for mine in by_person.values()]
    return [_stage(number, [row[number] for row in times]) for number in range(len(steps))]


def _stage(number: int, times: Sequence[timedelta | None]) -> Stage:
    seconds = sorted(one / timedelta(seconds=1) for one in times if one is not None)
    if not number or not seconds:
        return Stage(len(seconds), None)
    return Stage(len(seconds), (_quantile(seconds, 0.5), _quantile(seconds, 0.9), mean(seconds)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile, interpolated between neighbours."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def by_value(
    events: Sequence[Happened],
    steps: Sequence[Wanted],
    window: timedelta,
    start: datetime,
    end: datetime,
    *,
    name: str,
    limit: int,
) -> list[tuple[str | None, bool, list[Stage]]]:
    """Return (value, whether it is the rest, its funnel) for the values by which persons entered."""
    values = {}
    for person in {one.person for one in events}:
        mine = [one for one in events if one.person == person]
        if fastest(mine, steps, window, start, end)[0] is not None:
            values[person] = entry_value(mine, steps[0], start, end, name)
    sizes = Counter(values.values())
    ranked = sorted(sizes, key=lambda value: (-sizes[value], value is None, value or ""))
    groups: list[tuple[str | None, bool, set[str | None]]] = [(one, False, {one}) for one in ranked[:limit]]
    if ranked[limit:]:
        groups.append(("other", True, set(ranked[limit:])))
    return [
        (
            value,
            is_rest,
            funnel(
                [one for one in events if one.person in values and values[one.person] in inside],
                steps, window, start, end,
            ),
        )
        for value, is_rest, inside in groups
    ]  # fmt: skip
