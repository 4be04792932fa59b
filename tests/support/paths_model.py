"""Answers questions about paths in plain Python over a list of events, sharing nothing with the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, pairwise

from tests.support.funnel_model import Happened

GAP = timedelta(minutes=30)


@dataclass(frozen=True)
class Flow:
    """What the answer must be: counts of nodes and of links by step, and who went no further."""

    anchors: int
    nodes: dict[tuple[int, str | None], int]
    ended: dict[tuple[int, str | None], int]
    links: dict[tuple[int, str | None, str | None], int]


def paths(
    events: Sequence[Happened],
    *,
    anchor: Callable[[Happened], bool],
    is_step: Callable[[Happened], bool] = lambda _: True,
    node: Callable[[Happened], str | None] = lambda one: one.type,
    backwards: bool = False,
    steps: int = 3,
    top: int = 10,
    collapse: bool = True,
) -> Flow:
    """Return what follows (or precedes) the anchor of each session; links lead from the earlier to the later."""
    walks = []
    for session in sessions(events):
        way = list(reversed(session)) if backwards else session
        first = next((place for place, one in enumerate(way) if anchor(one)), None)
        if first is not None:
            nodes = [node(way[first]), *(node(one) for one in way[first + 1 :] if is_step(one))]
            walks.append([name for name, _ in groupby(nodes)] if collapse else nodes)
    return _flow([_shown(walk, _top(walks, top)) for walk in walks], backwards, steps)


def sessions(events: Sequence[Happened]) -> list[list[Happened]]:
    """Return each person's events in order, cut where the pause is longer than the gap."""
    found: list[list[Happened]] = []
    by_person: dict[str, list[Happened]] = defaultdict(list)
    for one in events:
        by_person[one.person].append(one)
    for mine in by_person.values():
        mine.sort(key=lambda one: (one.ts, one.id))
        found.append([mine[0]])
        for before, one in pairwise(mine):
            if one.ts - before.ts > GAP:
                found.append([])
            found[-1].append(one)
    return found


def _top(walks: Sequence[Sequence[str | None]], top: int) -> dict[int, set[str | None]]:
    """Return the most frequent nodes of each step; of equals the missing one first, then the first by code point."""
    kept = {}
    for step in range(max(map(len, walks), default=0)):
        counts = Counter(walk[step] for walk in walks if step < len(walk) and walk[step] != "other")
        ranked = sorted(counts, key=lambda name: (-counts[name], name is not None, name or ""))
        kept[step] = set(ranked[:top])
    return kept


def _shown(walk: Sequence[str | None], kept: dict[int, set[str | None]]) -> list[str | None]:
    return [name if name in kept[step] else "other" for step, name in enumerate(walk)]


def _flow(walks: Sequence[Sequence[str | None]], backwards: bool, steps: int) -> Flow:
    nodes, ended = Counter[tuple[int, str | None]](), Counter[tuple[int, str | None]]()
    links = Counter[tuple[int, str | None, str | None]]()
    for walk in walks:
        for step, name in enumerate(walk[: steps + 1]):
            nodes[step, name] += 1
            if step + 1 == len(walk):
                ended[step, name] += 1
            if step:
                source, target = (name, walk[step - 1]) if backwards else (walk[step - 1], name)
                links[step, source, target] += 1
    return Flow(len(walks), dict(nodes), dict(ended), dict(links))
