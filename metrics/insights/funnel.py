"""Asks about a funnel: how many persons went how far, one step after another, and how long that took them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from config.lib import clock
from metrics import telemetry
from metrics.insights.funnel_question import FunnelQuestion, parse_funnel
from metrics.insights.funnel_sql import FunnelStatement
from metrics.insights.kept import history_from
from metrics.language.params import Params
from metrics.language.people import people_of
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import asking

SOURCE = "event"
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
class FunnelAnswer:
    """An answer; `as_of` is the moment up to which every accepted event is in it. `groups` are those asked for.

    What happened before `history_from` is not in it, because retention dropped these events; None: all is.
    """

    question: FunnelQuestion
    whole: Funnel
    groups: tuple[Funnel, ...]
    as_of: datetime
    history_from: datetime | None
    source: str = SOURCE
    cached: bool = False

    @property
    def seconds_to_keep(self) -> int:
        """Return for how long nobody need ask again: while a chain may still grow, not for long."""
        end = self.question.scope.end + self.question.window
        return seconds_to_keep(end, step="1d", as_of=self.as_of)


def ask_funnel(*, project_id: int, params: Params) -> FunnelAnswer:
    """Answer the question in `params` (those of GET /api/funnels) about one project.

    Raises BadQuestion, and QuestionTooLarge where it would take too long.
    """
    question = parse_funnel(project_id=project_id, params=params, now=clock.now())
    answer, cached = remembered(question, lambda found: found.seconds_to_keep, lambda: _compute(question))
    return replace(answer, cached=cached)


def _compute(question: FunnelQuestion) -> FunnelAnswer:
    started = time.perf_counter()
    span = question.scope.end - question.scope.start
    with asking(heavy=True, span=span, hint="So may a shorter window.") as (cursor, as_of):
        history = history_from(cursor)
        statement = FunnelStatement(question, people_of(cursor, question.scope.project_id))
        rows = cursor.execute(statement.text, statement.params).fetchall()
    telemetry.query_seconds.labels(SOURCE).observe(time.perf_counter() - started)
    found = {(place, step): _Row(*row) for place, step, *row in rows}
    places = sorted({place for place, _ in found if place is not None})
    groups = tuple(_group(question, place, found) for place in places)
    return FunnelAnswer(question, _funnel(question, None, found), groups, as_of, history)


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
