"""Reads a question from query parameters. Every refusal says what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from metrics.definitions.spec import PERCENTILE, Definition
from metrics.errors import BadQuestion, TooManyPoints
from metrics.language.filters import is_property, parse_filters
from metrics.language.params import Params, check_texts, one, parse_limit
from metrics.language.ranges import parse_range, parse_zone
from metrics.query.named import definition_named
from metrics.query.spec import Measure, Question
from metrics.query.steps import STEPS, Step, automatic
from metrics.segments.selectors import segment_named

_MAX_BUCKETS = 10_000
_MAX_GROUPS = 1000
_PLAIN_MEASURES = ("count", "users", "sessions")
_PROPERTY_MEASURES = ("sum", "avg", "min", "max")
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def parse_question(*, project_id: int, params: Params, now: datetime) -> Question:
    """Return the question that `params` ask. Raises BadQuestion or TooManyPoints."""
    check_texts(params)
    tz = parse_zone(one(params, "tz") or "UTC")
    start, end = parse_range(one(params, "range") or "24h", tz, now)
    step = _step(one(params, "step") or "auto", start, end)
    asked = one(params, "metric") or ""
    defined = None if _is_built_in(asked) else definition_named(project_id=project_id, name=asked)
    measure, group_by = (
        _defined(defined) if defined else _measure(asked),
        _group_by(params.get("groupBy", ())),
    )
    if group_by and measure.kind == "sessions":
        raise BadQuestion("Sessions cannot be grouped: their events may differ.", field="groupBy")
    segment = one(params, "segment")
    return Question(
        project_id=project_id,
        measure=measure,
        start=start,
        end=end,
        step=step,
        tz=tz,
        now=now.replace(second=0, microsecond=0) if segment else end,
        types=_types(params, defined),
        filters=(*(defined.match.filters if defined else ()), *parse_filters(params.get("filter", ()))),
        group_by=group_by,
        limit=parse_limit(one(params, "limit"), default=100, most=_MAX_GROUPS),
        segment=segment_named(project_id=project_id, name=segment) if segment else None,
        definition=defined,
    )


def wants_previous(params: Params) -> bool:
    """Tell whether the period before is asked for as well. Raises BadQuestion."""
    compare = one(params, "compare")
    if compare not in (None, "previous"):
        raise BadQuestion("`compare` can only be previous.", field="compare")
    return compare is not None


def wants_plan(params: Params) -> bool:
    """Tell whether the answer is to say what it was read from. Raises BadQuestion."""
    explain = one(params, "explain") or "0"
    if explain not in ("0", "1", "false", "true"):
        raise BadQuestion("`explain` must be 1 or 0.", field="explain")
    return explain in ("1", "true")


def _types(params: Params, defined: Definition | None) -> tuple[str, ...]:
    """Return the types meant: of a defined metric's those that are asked for. Raises BadQuestion where none is left."""
    asked = tuple(params.get("type", ()))
    if defined is None or not (asked and defined.match.types):
        return asked or (defined.match.types if defined else ())
    both = tuple(one_ for one_ in defined.match.types if one_ in asked)
    if not both:
        raise BadQuestion(f"{defined.name} counts events of other types.", field="type")
    return both


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


def _is_built_in(text: str) -> bool:
    """Tell whether `text` cannot be a defined metric's name, which is none of these and has no colon."""
    return not text or text in _PLAIN_MEASURES or ":" in text


def _defined(definition: Definition) -> Measure:
    kind = "quantile" if definition.measure == PERCENTILE else definition.measure
    return Measure(definition.name, kind, definition.prop, definition.quantile)


def _measure(text: str) -> Measure:
    if text in _PLAIN_MEASURES:
        return Measure(text, text)
    kind, _, field = text.partition(":")
    if (kind in _PROPERTY_MEASURES or kind in _QUANTILES) and is_property(field):
        quantile = _QUANTILES.get(kind)
        return Measure(f"{kind}:{field}", "quantile" if quantile else kind, field[len("props.") :], quantile)
    raise BadQuestion(
        "`metric` must be count, users, sessions, or sum, avg, min, max, p50, p90, p95, p99 of a property, "
        "like sum:props.amount, or a defined metric's name.",
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
