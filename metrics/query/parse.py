"""Reads a question from query parameters. Every refusal says what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from metrics.errors import BadQuestion, TooManyPoints
from metrics.language.filters import is_property, parse_filters
from metrics.language.params import Params, check_texts, one, parse_limit
from metrics.language.ranges import parse_range, parse_zone
from metrics.query.spec import Measure, Question
from metrics.query.steps import STEPS, Step, automatic

_MAX_BUCKETS = 10_000
_MAX_GROUPS = 1000
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
        filters=parse_filters(params.get("filter", ())),
        group_by=group_by,
        limit=parse_limit(one(params, "limit"), default=100, most=_MAX_GROUPS),
    )


def _check_supported(params: Params) -> None:
    """Refuse what would change the answer but is not built yet: ignoring it would give a wrong number."""
    for name in ("segment", "compare"):
        if name in params:
            raise BadQuestion(f"`{name}` is not supported yet.", field=name)


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
    if (kind in _PROPERTY_MEASURES or kind in _QUANTILES) and is_property(field):
        quantile = _QUANTILES.get(kind)
        return Measure(f"{kind}:{field}", "quantile" if quantile else kind, field[len("props.") :], quantile)
    raise BadQuestion(
        "`metric` must be count, users, sessions, or sum, avg, min, max, p50, p90, p95, p99 of a property, "
        "like sum:props.amount.",
        field="metric",
    )


def _group_by(values: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name for value in values for name in value.split(","))
    if len(names) > 2:
        raise BadQuestion("`groupBy` takes at most two names.", field="groupBy")
    for name in names:
        if name != "type" and not is_property(name):
            raise BadQuestion("`groupBy` must be type or props.NAME.", field="groupBy")
    return names
