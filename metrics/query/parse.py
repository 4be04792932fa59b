"""Reads a question from query parameters. Every refusal says what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from metrics.errors import BadQuestion, TooManyPoints
from metrics.query.spec import Filter, Measure, Question
from metrics.query.steps import STEPS, Step, automatic

Params = Mapping[str, Sequence[str]]

_MAX_BUCKETS = 10_000
_MAX_GROUPS = 1000
_MAX_FILTERS = 20
_MAX_VALUES = 1000
_MAX_TEXT = 1000
_LAST_DAYS = 3660
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_RELATIVE = re.compile(r"([0-9]{1,6})(m|h|d|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7)}
_FILTER = re.compile(
    r"(?P<field>type|userId|props\..+?):(?P<op>eq|ne|in|contains|gte|gt|lte|lt|exists)(?::(?P<value>.*))?",
    re.DOTALL,
)
_PLAIN_MEASURES = ("count", "users", "sessions")
_PROPERTY_MEASURES = ("sum", "avg", "min", "max")
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def parse_question(*, project_id: int, params: Params, now: datetime) -> Question:
    """Return the question that `params` ask. Raises BadQuestion or TooManyPoints."""
    check_texts(params)
    _check_supported(params)
    tz = parse_zone(one(params, "tz") or "UTC")
    start, end = parse_range(one(params, "range") or "24h", tz, now)
    step = _step(one(params, "step") or "auto", start, end)
    measure, group_by = _measure(one(params, "metric")), _group_by(params.get("groupBy", ()))
    if group_by and measure.kind == "sessions":
        raise BadQuestion("Sessions cannot be grouped: their events may differ.", field="groupBy")
    return Question(
        project_id=project_id,
        measure=measure,
        start=start,
        end=end,
        step=step,
        tz=tz,
        types=tuple(params.get("type", ())),
        filters=_filters(params.get("filter", ())),
        group_by=group_by,
        limit=parse_limit(one(params, "limit"), default=100, most=_MAX_GROUPS),
    )


def one(params: Params, name: str) -> str | None:
    """Return the parameter `name`, or None; a BadQuestion where it is given twice."""
    values = params.get(name, ())
    if len(values) > 1:
        raise BadQuestion(f"`{name}` may be given only once.", field=name)
    return values[0] if values else None


def parse_limit(text: str | None, *, default: int, most: int) -> int:
    """Return a `limit` between 1 and `most`."""
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= most:
        raise BadQuestion(f"`limit` must be a number from 1 to {most}.", field="limit")
    return int(text)


def parse_range(text: str, tz: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open range that `text` names, in UTC.

    `24h` and its like end with the minute in progress, so that whole minutes are asked for.
    """
    if "/" in text:
        start, end = (_moment(part, tz) for part in _two(text))
    elif match := _RELATIVE.fullmatch(text):
        start, end = _last(int(match[1]) * _UNITS[match[2]], now)
    else:
        start, end = _named(text, tz, now)
    if start.year < _FIRST_YEAR or end.year > _LAST_YEAR:
        raise BadQuestion(f"`range` must lie between {_FIRST_YEAR} and {_LAST_YEAR}.", field="range")
    if not start < end:
        raise BadQuestion("`range` must end after it starts.", field="range")
    if end - start > timedelta(days=_LAST_DAYS):
        raise BadQuestion(f"`range` may span at most {_LAST_DAYS} days.", field="range")
    return start, end


def _check_supported(params: Params) -> None:
    """Refuse what would change the answer but is not built yet: ignoring it would give a wrong number."""
    for name in ("segment", "compare"):
        if name in params:
            raise BadQuestion(f"`{name}` is not supported yet.", field=name)


def check_texts(params: Params) -> None:
    """Raise BadQuestion where a parameter holds what is not text: NUL, or bytes that were not UTF-8."""
    for name, values in params.items():
        for value in (name, *values):
            if "\x00" in value or "\ufffd" in value:
                raise BadQuestion("A parameter holds characters that are not text.")


def _two(text: str) -> tuple[str, str]:
    start, _, end = text.partition("/")
    return start, end


def _last(span: timedelta, now: datetime) -> tuple[datetime, datetime]:
    if not span or span > timedelta(days=_LAST_DAYS):
        raise BadQuestion(f"`range` must be longer than 0 and at most {_LAST_DAYS} days.", field="range")
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return end - span, end


def _named(text: str, tz: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    today = now.astimezone(tz).date()
    firsts = {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "mtd": (today.replace(day=1), today + timedelta(days=1)),
    }
    if text not in firsts:
        raise BadQuestion("`range` must be like 24h, 7d, today, yesterday, mtd, or FROM/TO.", field="range")
    start, end = (datetime.combine(day, time(), tz).astimezone(UTC) for day in firsts[text])
    return start, end


def _moment(text: str, tz: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=tz)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuestion("`range` must be FROM/TO, both ISO 8601.", field="range") from None


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone `name`. Raises BadQuestion."""
    if name not in _zones():
        raise BadQuestion("`tz` must be an IANA time zone, like Europe/Berlin.", field="tz")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    """Return the names of the time zones; a machine's own `localtime` is not one."""
    return frozenset(available_timezones() - {"localtime"})


def _step(name: str, start: datetime, end: datetime) -> Step:
    if name == "auto":
        return automatic(end - start)
    if name not in STEPS:
        raise BadQuestion(f"`step` must be one of auto, {', '.join(STEPS)}.", field="step")
    step = STEPS[name]
    if (end - start) / step.typical > _MAX_BUCKETS:
        fits = next(other for other in STEPS.values() if (end - start) / other.typical <= _MAX_BUCKETS)
        raise TooManyPoints(
            f"That is more than {_MAX_BUCKETS} buckets; step={fits.name} would fit.", field="step"
        )
    return step


def _measure(text: str | None) -> Measure:
    if text in _PLAIN_MEASURES:
        return Measure(text, text)
    kind, _, field = (text or "").partition(":")
    if (kind in _PROPERTY_MEASURES or kind in _QUANTILES) and _is_property(field):
        quantile = _QUANTILES.get(kind)
        return Measure(f"{kind}:{field}", "quantile" if quantile else kind, field[len("props.") :], quantile)
    raise BadQuestion(
        "`metric` must be count, users, sessions, or sum, avg, min, max, p50, p90, p95, p99 of a property, "
        "like sum:props.amount.",
        field="metric",
    )


def _is_property(field: str) -> bool:
    return field.startswith("props.") and len(field) > len("props.")


def _group_by(values: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name for value in values for name in value.split(","))
    if len(names) > 2:
        raise BadQuestion("`groupBy` takes at most two names.", field="groupBy")
    for name in names:
        if name != "type" and not _is_property(name):
            raise BadQuestion("`groupBy` must be type or props.NAME.", field="groupBy")
    return names


def _filters(values: Sequence[str]) -> tuple[Filter, ...]:
    if len(values) > _MAX_FILTERS:
        raise BadQuestion(f"At most {_MAX_FILTERS} filters may be given.", field="filter")
    return tuple(_filter(value) for value in values)


def _filter(text: str) -> Filter:
    match = _FILTER.fullmatch(text)
    if not match:
        raise BadQuestion("`filter` must be like props.country:eq:DE.", field="filter")
    op, value = match["op"], match["value"]
    if op == "exists":
        if value not in (None, "", "true", "false"):
            raise BadQuestion("`exists` takes true or false.", field="filter")
        return Filter(match["field"], op, ("false" if value == "false" else "true",))
    if value is None or len(value) > _MAX_TEXT:
        raise BadQuestion(f"A filter needs a value of at most {_MAX_TEXT} characters.", field="filter")
    if op in ("gt", "gte", "lt", "lte"):
        _check_number(value)
    parts = tuple(value.split(",")) if op == "in" else (value,)
    if len(parts) > _MAX_VALUES:
        raise BadQuestion(f"`in` takes at most {_MAX_VALUES} values.", field="filter")
    return Filter(match["field"], op, parts)


def _check_number(value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if (
        not math.isfinite(number)
        or "_" in value
        or (number == 0 and re.search("[1-9]", value.lower().split("e")[0]))
    ):
        raise BadQuestion("gt, gte, lt and lte compare with a number.", field="filter")
