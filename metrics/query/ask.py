"""Asks a question: parse, look for a kept answer, plan, run, and put the rows into series."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from config.lib import clock
from metrics import telemetry
from metrics.errors import TooManyPoints
from metrics.language.params import Params
from metrics.query.compare import period_before
from metrics.query.parse import parse_question, wants_previous
from metrics.query.patience import one_deadline
from metrics.query.planner import RAW, Part
from metrics.query.reading import Accuracy, read
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import asking
from metrics.query.smaller import advice
from metrics.query.spec import ADDITIVE, Question
from metrics.query.sql import ROW_LIMIT
from metrics.query.weight import is_heavy
from metrics.segments.weight import reads_events

Value = int | float | None
Group = tuple[str | None, str | None]
OTHER = "other"
#: Points an answer may have, and from how many on it is not kept: memory is shared with ingest.
_MAX_POINTS, _MAX_KEPT_POINTS = 200_000, 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """One group's values: `total` answers for the whole range, `points` are (bucket start in UTC, value).

    `rest` says that these are the groups beyond the limit; an event's own value may be called `other`, too.
    """

    group: dict[str, str | None]
    total: Value
    points: tuple[tuple[datetime, Value], ...]
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `as_of` is the moment up to which every accepted event is in it.

    `plan` says what it was read from, `segment_reads` the relation that tells who is in its segment (None where it is
    not the raw events), and `seconds` how long it may be kept; `accuracy` how wrong its values may be, None where they
    are exact. `previous` answers for the period before.
    """

    metric: str
    start: datetime
    end: datetime
    step: str
    tz: str
    series: tuple[Series, ...]
    source: str
    as_of: datetime
    plan: tuple[Part, ...]
    seconds: int
    segment_reads: str | None = None
    accuracy: Accuracy | None = None
    cached: bool = False
    previous: Answer | None = None


def ask(*, project_id: int, params: Params) -> Answer:
    """Answer the question in `params` (those of GET /api/metrics) about one project.

    Raises BadQuestion, QuestionTooLarge where it would take too long, and TooBusy.
    """
    compares = wants_previous(params)
    question = parse_question(project_id=project_id, params=params, now=clock.now())
    with one_deadline():
        answer = _answer(question)
        if not compares:
            return answer
        previous = _answer(period_before(question))
    seconds = min(answer.seconds, previous.seconds)
    return replace(answer, previous=previous, seconds=seconds, cached=answer.cached and previous.cached)


def _answer(question: Question) -> Answer:
    answer, cached = remembered(question, _seconds, lambda: _compute(question))
    return replace(answer, cached=cached)


def _seconds(answer: Answer) -> int:
    points = sum(len(series.points) for series in answer.series)
    return answer.seconds if points <= _MAX_KEPT_POINTS else 0


def _compute(question: Question) -> Answer:
    started = time.perf_counter()
    span, from_sessions = question.end - question.start, question.measure.kind == "sessions"
    with asking(
        heavy=is_heavy(question), sessions=from_sessions, span=span, hint=lambda: advice(question)
    ) as (cursor, seen):
        found = read(cursor, question)
    if len(found.rows) > ROW_LIMIT:
        raise TooManyPoints("The answer has too many groups; filter, or group by something coarser.")
    telemetry.query_seconds.labels(found.plan.source).observe(time.perf_counter() - started)
    return Answer(
        metric=question.measure.name,
        start=question.start,
        end=question.end,
        step=question.step.name,
        tz=question.tz.key,
        series=_series(question, found.rows),
        source=found.plan.source,
        as_of=seen.as_of,
        plan=found.plan.parts,
        segment_reads=RAW if question.segment and reads_events(question.segment.rules) else None,
        accuracy=found.accuracy,
        seconds=seconds_to_keep(
            question.end, step=question.step.name, seen=seen, segment=bool(question.segment)
        ),
    )


def _series(question: Question, rows: Sequence[tuple[Any, ...]]) -> tuple[Series, ...]:
    totals: dict[Group, Value] = {}
    points: dict[Group, dict[datetime, Value]] = defaultdict(dict)
    starts = question.starts
    for is_total, bucket, group1, group2, value in rows:
        if is_total:
            totals[group1, group2] = _number(value)
        else:
            points[group1, group2][starts[bucket - 1]] = _number(value)
    if not question.group_by:
        totals.setdefault((None, None), question.measure.of_nothing)
    ranked = sorted(totals, key=lambda group: (totals[group] is None, -(totals[group] or 0), str(group)))
    kept, rest = ranked[: question.limit], ranked[question.limit :]
    if len(kept) * len(starts) > _MAX_POINTS:
        fits = _MAX_POINTS // len(starts)
        raise TooManyPoints(
            f"{len(kept)} groups of {len(starts)} buckets are too many points; limit={fits} would fit."
        )
    series = [_one(question, group, totals[group], points[group], starts) for group in kept]
    if rest and question.measure.kind in ADDITIVE:
        series.append(_other(question, rest, totals, points, starts))
    return tuple(series)


def _one(
    question: Question,
    group: Group,
    total: Value,
    values: dict[datetime, Value],
    starts: Sequence[datetime],
) -> Series:
    empty = question.measure.of_nothing
    filled = tuple((start, values.get(start, empty)) for start in starts)
    return Series(dict(zip(question.group_by, group, strict=False)), total, filled)


def _other(
    question: Question,
    rest: Sequence[Group],
    totals: dict[Group, Value],
    points: dict[Group, dict[datetime, Value]],
    starts: Sequence[datetime],
) -> Series:
    """Sum the groups beyond the limit. Only for measures that may be summed."""
    values: dict[datetime, list[Value]] = defaultdict(list)
    for group in rest:
        for start, value in points[group].items():
            values[start].append(value)
    summed = tuple((start, _sum(values[start])) for start in starts)
    total = _sum([totals[group] for group in rest])
    return Series(dict.fromkeys(question.group_by, OTHER), total, summed, rest=True)


def _sum(values: Sequence[Value]) -> Value:
    """Return a sum; None where one of them has no value that JSON could carry, for then it has none either."""
    known = [value for value in values if value is not None]
    return _number(sum(known)) if len(known) == len(values) else None


def _number(value: Any) -> Value:
    """Return a JSON number. A sum beyond float64 has no value that JSON could carry."""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
