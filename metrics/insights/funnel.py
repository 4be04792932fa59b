"""Asks about a funnel: how many persons went how far, one step after another, and how long that took them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from config.lib import clock
from metrics.insights.asking import Insight, answered, read
from metrics.insights.funnel_question import FunnelQuestion, parse_funnel
from metrics.insights.funnel_sql import FunnelStatement
from metrics.language.params import Params

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long persons took from the first step to another, each by the shortest way."""

    median: float
    p90: float
    average: float


@dataclass(frozen=True, slots=True)
class Reached:
    """One step: the persons who got there; shares are of those at the first and at the previous step.

    Shares are None where nobody was there, and `seconds` for the first step and where nobody arrived.
    """

    name: str
    persons: int
    share_of_first: float | None
    share_of_previous: float | None
    lost: int
    seconds: Seconds | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """The steps of some persons: those with one value of the breakdown, of all rarer ones (`rest`), or everybody."""

    steps: tuple[Reached, ...]
    value: str | None = None
    rest: bool = False


@dataclass(frozen=True, slots=True)
class FunnelAnswer(Insight):
    """An answer; `groups` are those of the breakdown, where one was asked for."""

    question: FunnelQuestion
    whole: Funnel
    groups: tuple[Funnel, ...]


def ask_funnel(*, project_id: int, params: Params) -> FunnelAnswer:
    """Answer the question in `params` (those of GET /api/funnels) about one project.

    Raises BadQuestion, and QuestionTooLarge where it would take too long.
    """
    return answered(parse_funnel(project_id=project_id, params=params, now=clock.now()), _compute)


def _compute(question: FunnelQuestion) -> FunnelAnswer:
    # While a chain may still grow, the answer may.
    until, hint = question.scope.end + question.window, "So may a shorter window."
    rows, told = read(partial(FunnelStatement, question), question.scope, until=until, hint=hint)
    found = {(place, step): _Row(*row) for place, step, *row in rows}
    places = sorted({place for place, _ in found if place is not None})
    groups = tuple(_group(question, place, found) for place in places)
    return FunnelAnswer(question, _funnel(question, None, found), groups, **told)


@dataclass(frozen=True, slots=True)
class _Row:
    """Who reached one step, of one place or (None) of all."""

    value: str | None
    persons: int
    quantiles: tuple[float, float]
    average: float


_Rows = Mapping[tuple[int | None, int], _Row]


def _group(question: FunnelQuestion, place: int, rows: _Rows) -> Funnel:
    found = _funnel(question, place, rows)
    is_rest = place > question.limit
    return replace(found, value=OTHER if is_rest else rows[place, 1].value, rest=is_rest)


def _funnel(question: FunnelQuestion, place: int | None, rows: _Rows) -> Funnel:
    found = [rows.get((place, number)) for number in range(1, len(question.steps) + 1)]
    counts = [row.persons if row else 0 for row in found]
    before = [counts[0], *counts]
    return Funnel(
        tuple(
            Reached(
                name=step.name,
                persons=persons,
                share_of_first=_share(persons, counts[0]),
                share_of_previous=_share(persons, previous),
                lost=previous - persons,
                seconds=Seconds(*row.quantiles, row.average) if row and number else None,
            )
            for number, (step, row, persons, previous) in enumerate(
                zip(question.steps, found, counts, before, strict=False)
            )
        )
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
