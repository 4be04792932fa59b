"""Answers what follows an event, or precedes it, within a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from config.lib import clock
from metrics.insights.asking import Insight, answered, read
from metrics.insights.path_question import PathQuestion, parse_paths
from metrics.insights.path_sql import OTHER, PathStatement
from metrics.language.params import Params

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
class PathAnswer(Insight):
    """Steps by their distance from the anchor, which is step 0; each has its nodes, the most frequent first.

    `anchors` counts the sessions that have one, `ended` by step those that go no further.
    """

    question: PathQuestion
    anchors: int
    steps: tuple[tuple[PathNode, ...], ...]
    links: tuple[PathLink, ...]
    ended: tuple[int, ...]


def ask_paths(*, project_id: int, params: Params) -> PathAnswer:
    """Answer the question in `params` (those of GET /api/paths) about one project.

    Raises BadQuestion, and QuestionTooLarge where it would take too long.
    """
    return answered(parse_paths(project_id=project_id, params=params, now=clock.now()), _compute)


def _compute(question: PathQuestion) -> PathAnswer:
    rows, told = read(partial(PathStatement, question), question.scope)
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
        **told,
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
