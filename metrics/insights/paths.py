"""Answers what follows an event, or precedes it, within a session."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from config.lib import clock
from metrics import telemetry
from metrics.insights.kept import history_from
from metrics.insights.path_question import PathQuestion, parse_paths
from metrics.insights.path_sql import OTHER, PathStatement
from metrics.language.params import Params
from metrics.language.people import people_of
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import asking

SOURCE = "event"
#: A node as the statement names it, with its step.
_Place = tuple[int, str | None]
_Row = tuple[int, str | None, bool, str | None, int]


@dataclass(frozen=True, slots=True)
class PathNode:
    """One node of a step: `node` is None where events lack the property, `other` stands for all beyond the top.

    `count` sessions came here, and `ended` of them went no further.
    """

    node: str | None
    count: int
    ended: int


@dataclass(frozen=True, slots=True)
class PathLink:
    """How many sessions went from a node to the next in time; `step` is the one of the two that is further away."""

    step: int
    source: str | None
    target: str | None
    count: int


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """Steps by their distance from the anchor, which is step 0; each has its nodes, the most frequent first.

    `anchors` counts the sessions that have one, `ended` by step those that go no further. What happened before
    `history_from` is not in it, because retention dropped these events; None: all is.
    """

    question: PathQuestion
    anchors: int
    steps: tuple[tuple[PathNode, ...], ...]
    links: tuple[PathLink, ...]
    ended: tuple[int, ...]
    as_of: datetime
    history_from: datetime | None
    source: str = SOURCE
    cached: bool = False

    @property
    def seconds_to_keep(self) -> int:
        """Return for how long nobody need ask again."""
        return seconds_to_keep(self.question.scope.end, step="1d", as_of=self.as_of)


def ask_paths(*, project_id: int, params: Params) -> PathAnswer:
    """Answer the question in `params` (those of GET /api/paths) about one project.

    Raises BadQuestion, and QuestionTooLarge where it would take too long.
    """
    question = parse_paths(project_id=project_id, params=params, now=clock.now())
    answer, cached = remembered(question, lambda found: found.seconds_to_keep, lambda: _compute(question))
    return replace(answer, cached=cached)


def _compute(question: PathQuestion) -> PathAnswer:
    started = time.perf_counter()
    with asking(heavy=True, span=question.scope.end - question.scope.start) as (cursor, as_of):
        history = history_from(cursor)
        statement = PathStatement(question, people_of(cursor, question.scope.project_id))
        rows = cursor.execute(statement.text, statement.params).fetchall()
    telemetry.query_seconds.labels(SOURCE).observe(time.perf_counter() - started)
    counts, ended = _nodes(rows)
    ranked = sorted(counts, key=lambda place: (place[0], place[1] is None, -counts[place], place[1] or ""))
    steps: list[list[PathNode]] = [[] for _ in range(question.steps + 1)]
    for place in ranked:
        steps[place[0]].append(PathNode(_shown(place[1]), counts[place], ended[place]))
    return PathAnswer(
        question=question,
        anchors=sum(node.count for node in steps[0]),
        steps=tuple(tuple(nodes) for nodes in steps),
        links=_links(question, rows, {place: rank for rank, place in enumerate(ranked)}),
        ended=tuple(sum(node.ended for node in nodes) for nodes in steps),
        as_of=as_of,
        history_from=history,
    )


def _nodes(rows: Iterable[_Row]) -> tuple[Counter[_Place], Counter[_Place]]:
    counts, ended = Counter[_Place](), Counter[_Place]()
    for step, node, is_end, _, sessions in rows:
        counts[step, node] += sessions
        ended[step, node] += sessions if is_end else 0
    return counts, ended


def _links(question: PathQuestion, rows: Iterable[_Row], ranks: dict[_Place, int]) -> tuple[PathLink, ...]:
    """Return what went on, in the order of the nodes; what lies beyond the last step is not told."""
    going = [row for row in rows if not row[2] and row[0] < question.steps]
    going.sort(key=lambda row: (ranks[row[0], row[1]], ranks[row[0] + 1, row[3]]))
    found = []
    for step, node, _, further, sessions in going:
        source, target = (further, node) if question.backwards else (node, further)
        found.append(PathLink(step + 1, _shown(source), _shown(target), sessions))
    return tuple(found)


def _shown(node: str | None) -> str | None:
    """Return a node as people know it: the statement marks texts, to tell them from what is none."""
    if node is None:
        return OTHER
    return node[1:] if node else None
