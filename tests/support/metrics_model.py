"""Answers metric questions in plain Python over a list of events, sharing nothing with the product."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.sessions_model import sessions_of

FIXED = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
#: Percentiles by the names that questions have for them.
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Seen:
    """An event as the model knows it."""

    user: str
    ts: datetime
    type: str
    props: dict[str, Any]
    #: Whom the user's id stands for.
    alias_of: str | None = None

    @property
    def person(self) -> str:
        """Return who did it."""
        return self.alias_of or self.user


@dataclass(frozen=True)
class Defined:
    """A defined metric as it was asked for: `metric` is what it measures, in the words of `metric=`."""

    name: str
    metric: str
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Near:
    """A percentile: exactly `value`; a sketch may be off by so much of the numbers that it lies between."""

    value: float
    around: float


Number = int | float | Decimal | Near | None


@dataclass(frozen=True)
class Asked:
    """A question as its parameters say it."""

    metric: str
    start: datetime
    end: datetime
    step: str
    tz: str
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    segment: str | None = None

    def params(self) -> dict[str, list[str]]:
        """Return the question as query parameters."""
        span = f"{self.start.isoformat()}/{self.end.isoformat()}"
        one = {
            "metric": [self.metric],
            "range": [span],
            "step": [self.step],
            "tz": [self.tz],
            "limit": ["1000"],
        }
        if self.segment:
            one["segment"] = [self.segment]
        return one | {"type": list(self.types), "filter": list(self.filters), "groupBy": list(self.group_by)}

    def resolved(self, defined: Sequence[Defined]) -> Asked:
        """Return the question in which a defined metric's name is replaced by what it stands for."""
        found = [one for one in defined if one.name == self.metric]
        if not found:
            return self
        (one,) = found
        types = tuple(name for name in one.types if not self.types or name in self.types)
        filters = (*one.filters, *self.filters)
        return replace(self, metric=one.metric, types=types if one.types else self.types, filters=filters)


Group = tuple[str | None, ...]
#: By group: the total, and (bucket start, value) for every bucket of the range.
Expected = dict[Group, tuple[Number, list[tuple[datetime, Number]]]]


def answer(asked: Asked, events: Sequence[Seen], people: Container[str] | None = None) -> Expected:
    """Return what the answer must be; of these people only, where some are given."""
    if asked.metric == "sessions":
        return _answer_sessions(asked, events, people)
    chosen = [
        one
        for one in events
        if asked.start <= one.ts < asked.end
        and _matches(one, asked)
        and (people is None or one.person in people)
    ]
    by_group: dict[Group, list[Seen]] = defaultdict(list)
    for one in chosen:
        by_group[tuple(as_text(field_of(one, name)) for name in asked.group_by)].append(one)
    if not asked.group_by:
        by_group.setdefault((), [])
    measure = _measure(asked.metric)
    return {group: _series(asked, found, lambda one: one.ts, measure) for group, found in by_group.items()}


def _answer_sessions(asked: Asked, events: Sequence[Seen], people: Container[str] | None) -> Expected:
    person = {one.user: one.person for one in events}
    sessions = [
        one
        for one in sessions_of((e.user, e.ts) for e in events)
        if asked.start <= one[1] < asked.end and (people is None or person[one[0]] in people)
    ]
    if asked.types or asked.filters:
        sessions = [
            (user, start, end, count)
            for user, start, end, count in sessions
            if any(e.user == user and start <= e.ts <= end and _matches(e, asked) for e in events)
        ]
    return {(): _series(asked, sessions, lambda one: one[1], len)}


def _series(
    asked: Asked, found: Sequence[Any], moment: Callable[[Any], datetime], measure: Callable[[Any], Number]
) -> tuple[Number, list[tuple[datetime, Number]]]:
    buckets: dict[datetime, list[Any]] = {start: [] for start in bucket_starts(asked)}
    for one in found:
        buckets[bucket_of(moment(one), asked)].append(one)
    return measure(found), [(start, measure(inside)) for start, inside in buckets.items()]


# --- time -----------------------------------------------------------------------------------------------------


def bucket_of(moment: datetime, asked: Asked) -> datetime:
    """Return the start of the bucket of a moment."""
    if asked.step in FIXED:
        origin = _midnight(asked.start.astimezone(ZoneInfo(asked.tz)).date(), asked.tz)
        width = timedelta(minutes=FIXED[asked.step])
        return origin + (moment - origin) // width * width
    day = moment.astimezone(ZoneInfo(asked.tz)).date()
    if asked.step == "1w":
        day -= timedelta(days=day.weekday())
    if asked.step == "1mo":
        day = day.replace(day=1)
    return _midnight(day, asked.tz)


def bucket_starts(asked: Asked) -> Iterator[datetime]:
    """Yield the start of every bucket that the range touches."""
    if asked.step in FIXED:
        start = bucket_of(asked.start, asked)
        while start < asked.end:
            yield start
            start += timedelta(minutes=FIXED[asked.step])
        return
    known: datetime | None = None
    day = bucket_of(asked.start, asked).astimezone(ZoneInfo(asked.tz)).date()
    while (midnight := _midnight(day, asked.tz)) < asked.end:
        start = bucket_of(midnight, asked)
        if start != known:
            yield start
        known = start
        day += timedelta(days=1)


def _midnight(day: Any, tz: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(tz)).astimezone(UTC)


# --- values ---------------------------------------------------------------------------------------------------


def field_of(one: Seen, name: str) -> Any:
    """Return a field's JSON value; None where it is absent."""
    fixed = {"type": one.type, "userId": one.person}
    return fixed[name] if name in fixed else one.props.get(name.removeprefix("props."))


def as_text(value: Any) -> str | None:
    """Return a JSON scalar as Postgres shows it."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_number(value: Any) -> Decimal | None:
    """Return a JSON number exactly; None for everything else."""
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _measure(metric: str) -> Callable[[Sequence[Seen]], Number]:
    if metric == "count":
        return len
    if metric == "users":
        return lambda found: len({one.person for one in found})
    kind, _, name = metric.partition(":")

    def of_numbers(found: Sequence[Seen]) -> Number:
        numbers = [number for one in found if (number := as_number(field_of(one, name))) is not None]
        if not numbers:
            return 0 if kind == "sum" else None
        reduced: dict[str, Callable[[], Number]] = {
            "sum": lambda: sum(numbers),
            "avg": lambda: sum(numbers) / len(numbers),
            "min": lambda: min(numbers),
            "max": lambda: max(numbers),
        }
        return _quantile(QUANTILES[kind], numbers) if kind in QUANTILES else reduced[kind]()

    return of_numbers


def _quantile(share: float, numbers: Sequence[Decimal]) -> Near:
    """Return a percentile between two neighbours, as Postgres defines it."""
    ranked = sorted(float(one) for one in numbers)
    place = share * (len(ranked) - 1)
    low, high = ranked[math.floor(place)], ranked[math.ceil(place)]
    return Near(low + (place - math.floor(place)) * (high - low), max(abs(low), abs(high)))


# --- conditions -----------------------------------------------------------------------------------------------


def _matches(one: Seen, asked: Asked) -> bool:
    return (not asked.types or one.type in asked.types) and all(_meets(one, text) for text in asked.filters)


def _meets(one: Seen, text: str) -> bool:
    name, op, *rest = text.split(":", 2)
    wanted = rest[0] if rest else ""
    value = field_of(one, name)
    number = as_number(value)
    if op == "exists":
        return (value is not None) is (wanted != "false")
    if op == "contains":
        return value is not None and wanted in (as_text(value) or "")
    if op in ("eq", "ne", "in"):
        choices = wanted.split(",") if op == "in" else [wanted]
        return _equal_to_one_of(value, number, choices) is not (op == "ne")
    limit = Decimal(wanted)
    return (
        number is not None
        and {
            "gt": number > limit,
            "gte": number >= limit,
            "lt": number < limit,
            "lte": number <= limit,
        }[op]
    )


def _equal_to_one_of(value: Any, number: Decimal | None, choices: Sequence[str]) -> bool:
    if value is None:
        return False
    return as_text(value) in choices or (number is not None and number in map(_decimal_or_none, choices))


def _decimal_or_none(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except ArithmeticError:
        return None
