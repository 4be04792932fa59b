"""Asks about retention: of the persons who came in a period, how many come back in later ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from config.lib import clock
from metrics import telemetry
from metrics.insights.kept import history_from
from metrics.insights.retention_question import RetentionQuestion, parse_retention
from metrics.insights.retention_sql import RAW, RetentionStatement, source_of
from metrics.language.params import Params
from metrics.language.people import people_of
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import asking


@dataclass(frozen=True, slots=True)
class Cohort:
    """The persons of one period: `values[i]` of them came back i periods later.

    The first `complete` values are of periods that are over; the rest may still grow.
    """

    start: datetime
    size: int
    values: tuple[int, ...]
    complete: int


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """An answer; `as_of` is the moment up to which every accepted event is in it.

    What happened before `history_from` is not in it, because retention dropped these events; None: all is.
    """

    question: RetentionQuestion
    cohorts: tuple[Cohort, ...]
    source: str
    as_of: datetime
    history_from: datetime | None
    cached: bool = False

    @property
    def seconds_to_keep(self) -> int:
        """Return for how long nobody need ask again."""
        return seconds_to_keep(self.question.edges[-1], step="1d", as_of=self.as_of)


def ask_retention(*, project_id: int, params: Params) -> RetentionAnswer:
    """Answer the question in `params` (those of GET /api/retention) about one project.

    Raises BadQuestion, TooManyPoints, and QuestionTooLarge where it would take too long.
    """
    question = parse_retention(project_id=project_id, params=params, now=clock.now())
    answer, cached = remembered(question, lambda found: found.seconds_to_keep, lambda: _compute(question))
    return replace(answer, cached=cached)


def _compute(question: RetentionQuestion) -> RetentionAnswer:
    started, source = time.perf_counter(), source_of(question)
    span, heavy = question.edges[-1] - question.edges[0], source == RAW or bool(question.scope.segment)
    with asking(heavy=heavy, span=span) as (cursor, as_of):
        history = history_from(cursor) if source == RAW else None
        statement = RetentionStatement(question, people_of(cursor, question.scope.project_id))
        rows = cursor.execute(statement.text, statement.params).fetchall()
    telemetry.query_seconds.labels(source).observe(time.perf_counter() - started)
    counts = {(period, later): persons for period, later, persons in rows}
    return RetentionAnswer(question, _cohorts(question, counts, as_of), source, as_of, history)


def _cohorts(
    question: RetentionQuestion, counts: Mapping[tuple[int, int | None], int], as_of: datetime
) -> tuple[Cohort, ...]:
    periods = question.periods
    return tuple(
        Cohort(
            start=start,
            size=counts.get((number, None), 0),
            values=tuple(counts.get((number, later), 0) for later in range(len(periods) - number + 1)),
            complete=sum(end <= as_of for _, end in periods[number - 1 :]),
        )
        for number, (start, _) in enumerate(periods, 1)
        if start <= question.scope.now
    )
