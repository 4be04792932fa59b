"""Asks about the life of users: who is new, who stayed, who came back, and who went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from config.lib import clock
from metrics.insights.asking import RAW, Insight, answered, read
from metrics.insights.lifecycle_question import LifecycleQuestion, parse_lifecycle
from metrics.insights.lifecycle_sql import LifecycleStatement, earlier, window
from metrics.language.params import Params


@dataclass(frozen=True, slots=True)
class Period:
    """The persons of one period. `new` had their first event ever in it, `returning` were there in the period before.

    `resurrecting` were not, but earlier; `dormant` were there in the period before and are not in this one. While the
    period is in progress, the dormant may still come.
    """

    start: datetime
    new: int
    returning: int
    resurrecting: int
    dormant: int
    in_progress: bool


@dataclass(frozen=True, slots=True)
class LifecycleAnswer(Insight):
    """An answer, period by period."""

    question: LifecycleQuestion
    periods: tuple[Period, ...]


def ask_lifecycle(*, project_id: int, params: Params) -> LifecycleAnswer:
    """Answer the question in `params` (those of GET /api/lifecycle) about one project.

    Raises BadQuestion, TooManyPoints, and QuestionTooLarge where it would take too long.
    """
    return answered(parse_lifecycle(project_id=project_id, params=params, now=clock.now()), _compute)


def _compute(question: LifecycleQuestion) -> LifecycleAnswer:
    source = window(question).relation
    rows, told = read(
        partial(LifecycleStatement, question),
        question.scope,
        source=source,
        heavy=source == RAW or bool(question.scope.segment),
        raw_history=_reads_raw_history(question),
    )
    counts = {period: _Counts(*numbers) for period, *numbers in rows}
    return LifecycleAnswer(question, _periods(question, counts, told["as_of"]), **told)


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the statement says of one period; `leaving` are those who are not there in the next."""

    new: int = 0
    returning: int = 0
    resurrecting: int = 0
    leaving: int = 0


def _reads_raw_history(question: LifecycleQuestion) -> bool:
    """Tell whether days are read from raw events that retention may have dropped."""
    return RAW in (window(question).relation, *(span.relation for span in earlier(question)))


def _periods(
    question: LifecycleQuestion, counts: Mapping[int, _Counts], as_of: datetime
) -> tuple[Period, ...]:
    found = []
    # The statement's number 1 is the period before those that are asked about.
    for number, (start, end) in enumerate(question.periods, 2):
        here, before = counts.get(number, _Counts()), counts.get(number - 1, _Counts())
        found.append(Period(start, here.new, here.returning, here.resurrecting, before.leaving, as_of < end))
    return tuple(found)
