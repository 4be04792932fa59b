"""Asks about retention: of the persons who came in a period, how many come back in later ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from config.lib import clock
from metrics.insights.asking import RAW, Insight, answered, read
from metrics.insights.retention_question import RetentionQuestion, parse_retention
from metrics.insights.retention_sql import RetentionStatement, source_of
from metrics.language.params import Params


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
class RetentionAnswer(Insight):
    """An answer, cohort by cohort."""

    question: RetentionQuestion
    cohorts: tuple[Cohort, ...]


def ask_retention(*, project_id: int, params: Params) -> RetentionAnswer:
    """Answer the question in `params` (those of GET /api/retention) about one project.

    Raises BadQuestion, TooManyPoints, and QuestionTooLarge where it would take too long.
    """
    return answered(parse_retention(project_id=project_id, params=params, now=clock.now()), _compute)


def _compute(question: RetentionQuestion) -> RetentionAnswer:
    source = source_of(question)
    rows, told = read(
        partial(RetentionStatement, question),
        question.scope,
        source=source,
        heavy=source == RAW or bool(question.scope.segment),
        raw_history=source == RAW,
    )
    counts = {(period, later): persons for period, later, persons in rows}
    return RetentionAnswer(question, _cohorts(question, counts, told["as_of"]), **told)


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
