"""Asks about the life of users: who is new, who stayed, who came back, and who went."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from config.lib import clock
from metrics import telemetry
from metrics.insights.kept import history_from
from metrics.insights.lifecycle_question import LifecycleQuestion, parse_lifecycle
from metrics.insights.lifecycle_sql import RAW, LifecycleStatement, earlier, window
from metrics.language.params import Params
from metrics.language.people import people_of
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import asking


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
class LifecycleAnswer:
    """An answer; `as_of` is the moment up to which every accepted event is in it.

    What happened before `history_from` is not in it, because retention dropped these events; None: all is.
    """

    question: LifecycleQuestion
    periods: tuple[Period, ...]
    source: str
    as_of: datetime
    history_from: datetime | None
    cached: bool = False

    @property
    def seconds_to_keep(self) -> int:
        """Return for how long nobody need ask again."""
        return seconds_to_keep(self.question.scope.end, step="1d", as_of=self.as_of)


def ask_lifecycle(*, project_id: int, params: Params) -> LifecycleAnswer:
    """Answer the question in `params` (those of GET /api/lifecycle) about one project.

    Raises BadQuestion, and QuestionTooLarge where it would take too long.
    """
    question = parse_lifecycle(project_id=project_id, params=params, now=clock.now())
    answer, cached = remembered(question, lambda found: found.seconds_to_keep, lambda: _compute(question))
    return replace(answer, cached=cached)


def _compute(question: LifecycleQuestion) -> LifecycleAnswer:
    started, source = time.perf_counter(), window(question).relation
    span, heavy = question.scope.end - question.scope.start, source == RAW or bool(question.scope.segment)
    with asking(heavy=heavy, span=span) as (cursor, as_of):
        history = history_from(cursor) if _reads_raw_history(question) else None
        statement = LifecycleStatement(question, people_of(cursor, question.scope.project_id))
        rows = cursor.execute(statement.text, statement.params).fetchall()
    telemetry.query_seconds.labels(source).observe(time.perf_counter() - started)
    counts = {period: _Counts(*numbers) for period, *numbers in rows}
    return LifecycleAnswer(question, _periods(question, counts, as_of), source, as_of, history)


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
