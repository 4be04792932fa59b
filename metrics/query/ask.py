"""Asks a question: parse, look in the cache, plan, run, and put the rows into series."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.cache import cache

from config.lib import clock
from config.lib.postgres import bounded_cursor
from metrics import telemetry
from metrics.errors import TooManyPoints
from metrics.query.parse import Params, parse_question
from metrics.query.planner import plan
from metrics.query.spec import ADDITIVE, Question
from metrics.query.sql import ROW_LIMIT, SQL, Statement

Value = int | float | None
Group = tuple[str | None, str | None]
#: Seconds that an answer about the present may be old, by its step.
_OPEN_SECONDS = {"1m": 1, "5m": 2, "15m": 3, "1h": 5, "1d": 10, "1w": 10, "1mo": 10}
#: An answer about the past changes only by late events.
_CLOSED_SECONDS = 15
OTHER = "other"
#: Points an answer may have, and from how many on it is not kept: memory is shared with ingest.
_MAX_POINTS, _MAX_KEPT_POINTS = 200_000, 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """One group's values: `total` answers for the whole range, `points` are (bucket start in UTC, value)."""

    group: dict[str, str | None]
    total: Value
    points: tuple[tuple[datetime, Value], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `as_of` is the moment up to which every accepted event is in it."""

    metric: str
    start: datetime
    end: datetime
    step: str
    tz: str
    series: tuple[Series, ...]
    source: str
    as_of: datetime
    cached: bool = False


def ask(*, project_id: int, params: Params) -> Answer:
    """Answer the question in `params` (those of GET /api/metrics) about one project. Raises BadQuestion."""
    question = parse_question(project_id=project_id, params=params, now=clock.now())
    found: Answer | None = cache.get(key := _cache_key(question))
    if found is not None:
        telemetry.cached_answers.inc()
        return replace(found, cached=True)
    started = time.perf_counter()
    answer = _compute(question)
    telemetry.query_seconds.labels(answer.source).observe(time.perf_counter() - started)
    if sum(len(series.points) for series in answer.series) <= _MAX_KEPT_POINTS:
        cache.set(key, answer, seconds_to_live(question))
    return answer


def seconds_to_live(question: Question) -> int:
    """Return how long an answer may be kept, in seconds."""
    still_open = question.end > clock.now() - timedelta(seconds=_CLOSED_SECONDS)
    return _OPEN_SECONDS[question.step.name] if still_open else _CLOSED_SECONDS


def _cache_key(question: Question) -> str:
    return "answer:" + sha256(repr(question).encode("utf-8", "surrogatepass")).hexdigest()


def _compute(question: Question) -> Answer:
    chosen = plan(question)
    statement = Statement(question, chosen)
    with bounded_cursor() as cursor:
        known = {"sessions": question.measure.kind == "sessions", "broker": settings.BUS_IS_BROKER}
        ((as_of,),) = cursor.execute(SQL["as_of"], known).fetchall()
        rows = cursor.execute(statement.text, statement.params).fetchall()
    if len(rows) > ROW_LIMIT:
        raise TooManyPoints("The answer has too many groups; filter, or group by something coarser.")
    return Answer(
        metric=question.measure.name,
        start=question.start,
        end=question.end,
        step=question.step.name,
        tz=question.tz.key,
        series=_series(question, rows),
        source=chosen.source,
        as_of=as_of,
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
    ranked = sorted(totals, key=lambda group: (-(totals[group] or 0), str(group)))
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
    sums: dict[datetime, Any] = defaultdict(int)
    for group in rest:
        for start, value in points[group].items():
            sums[start] += value or 0
    values = tuple((start, sums[start]) for start in starts)
    total = sum(totals[group] or 0 for group in rest)
    return Series(dict.fromkeys(question.group_by, OTHER), total, values)


def _number(value: Any) -> Value:
    """Return a JSON number. A sum beyond float64 has no value that JSON could carry."""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
