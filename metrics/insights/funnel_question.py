"""Reads a question about a funnel. Every refusal says what would be right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metrics.errors import BadQuestion
from metrics.language.filters import is_property
from metrics.language.json_text import read_json
from metrics.language.matching import EventMatch, read_match
from metrics.language.params import Params, check_known, check_texts, one, parse_limit
from metrics.query.scope import Scope, parse_scope

#: The parameters of a funnel, by POST too.
NAMES = (
    "steps", "step", "window", "order", "breakdown", "limit", "range", "tz", "filter", "segment",
)  # fmt: skip
_LEAST_STEPS, _MOST_STEPS = 2, 10
_MOST_GROUPS, _GROUPS = 100, 10
_MAX_NAME = 200
_WINDOW = re.compile(r"([0-9]{1,7})([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(days=7),
}
_LONGEST_WINDOW = timedelta(days=90)
_DEFAULT_WINDOW, _DEFAULT_RANGE = "14d", "7d"


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step: its name for people, and the events that are it."""

    name: str
    match: EventMatch


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """Who went through `steps` in order within `window`; the first step's event lies in the scope's range.

    `breakdown` is the field of that event by whose value persons are told apart: the `limit` most frequent.
    """

    scope: Scope
    steps: tuple[FunnelStep, ...]
    window: timedelta
    breakdown: str | None
    limit: int


def parse_funnel(*, project_id: int, params: Params, now: datetime) -> FunnelQuestion:
    """Return the question that `params` ask. Raises BadQuestion."""
    check_texts(params)
    check_known(params, NAMES)
    if (one(params, "order") or "ordered") != "ordered":
        raise BadQuestion("`order` can only be ordered.", field="order")
    return FunnelQuestion(
        scope=parse_scope(project_id=project_id, params=params, now=now, default_range=_DEFAULT_RANGE),
        steps=_steps(params),
        window=_window(one(params, "window") or _DEFAULT_WINDOW),
        breakdown=_breakdown(one(params, "breakdown")),
        limit=parse_limit(one(params, "limit"), default=_GROUPS, most=_MOST_GROUPS),
    )


def _steps(params: Params) -> tuple[FunnelStep, ...]:
    listed, shorthand = one(params, "steps"), params.get("step", ())
    if listed is not None and shorthand:
        raise BadQuestion("Give `steps` or `step`, not both.", field="steps")
    values: Any = list(shorthand) if listed is None else read_json(listed, field="steps")
    if not isinstance(values, list) or not _LEAST_STEPS <= len(values) <= _MOST_STEPS:
        raise BadQuestion(f"`steps` must be a list of {_LEAST_STEPS} to {_MOST_STEPS} steps.", field="steps")
    return tuple(_step(value, f"steps[{number}]") for number, value in enumerate(values))


def _step(value: Any, field: str) -> FunnelStep:
    name = None
    if isinstance(value, Mapping) and "name" in value:
        name = value["name"]
        if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME:
            raise BadQuestion(f"`{field}.name` must have 1 to {_MAX_NAME} characters.", field=f"{field}.name")
        value = {key: inner for key, inner in value.items() if key != "name"}
    try:
        match = read_match(value, field=field)
    except BadQuestion as error:
        # A filter in a step is not the parameter of that name.
        raise BadQuestion(error.message, field=field) from None
    return FunnelStep(name or ", ".join(match.types) or "any event", match)


def _window(text: str) -> timedelta:
    match = _WINDOW.fullmatch(text)
    window = int(match[1]) * _UNITS[match[2]] if match else timedelta(0)
    if not timedelta(0) < window <= _LONGEST_WINDOW:
        raise BadQuestion("`window` must be like 30m, 24h or 14d, at most 90d.", field="window")
    return window


def _breakdown(field: str | None) -> str | None:
    if field is not None and field != "type" and not is_property(field):
        raise BadQuestion("`breakdown` must be type or props.NAME.", field="breakdown")
    return field
