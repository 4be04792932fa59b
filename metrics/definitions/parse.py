"""Reads what somebody defines. Every refusal names the field and says what would be right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.lib.texts import is_storable
from metrics.definitions.spec import MEASURES, PERCENTILE, USERS
from metrics.errors import BadQuestion
from metrics.language.filters import is_property
from metrics.language.matching import EventMatch, read_match

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
#: What `metric=` means already.
TAKEN = frozenset(("count", "users", "sessions", "sum", "avg", "min", "max", "percentile", "rollups", "auto"))
_PERCENTILE = re.compile(r"p([1-9][0-9]?)")
_MEDIAN = 50
_KEYS = ("name", "match", "measure", "property", "percentile", "dimensions")
_LONGEST_PROPERTY = 200
_MOST_DIMENSIONS = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A definition to be made; `prop` is a bare name, `dimensions` are `type` or `props.NAME`."""

    name: str
    match: EventMatch
    measure: str
    prop: str | None
    quantile: float | None
    dimensions: tuple[str, ...]


def read_definition(body: Any) -> Wanted:
    """Read {"name", "match", "measure", "property", "percentile", "dimensions"}. Raises BadQuestion."""
    if not isinstance(body, Mapping):
        raise BadQuestion("The body must be a JSON object that defines a metric.")
    if unknown := [name for name in body if name not in _KEYS]:
        raise BadQuestion(
            f"There is no such field; a definition has {', '.join(_KEYS)}.", field=str(unknown[0])[:200]
        )
    measure, quantile = _measure(body.get("measure", "count"), body.get("percentile"))
    return Wanted(
        name=_name(body.get("name")),
        match=_match(body.get("match", {})),
        measure=measure,
        prop=_property(body.get("property"), measure),
        quantile=quantile,
        dimensions=_dimensions(body.get("dimensions", [])),
    )


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise BadQuestion(
            "`name` must be 1 to 63 small letters, digits and _, and begin with a letter.", field="name"
        )
    if value in TAKEN or _PERCENTILE.fullmatch(value):
        raise BadQuestion(
            f"`{value}` is what a built-in metric is called: choose another name.", field="name"
        )
    return value


def _match(value: Any) -> EventMatch:
    match = read_match(value, field="match")
    if any(one.field == "userId" for one in match.filters):
        raise BadQuestion(
            "A defined metric is about kinds of events, not about single users: filter by type and props.NAME.",
            field="match",
        )
    return match


def _measure(value: Any, percentile: Any) -> tuple[str, float | None]:
    """Return the measure, and of a percentile the quantile: `p95` is short for percentile 95."""
    if isinstance(value, str) and (short := _PERCENTILE.fullmatch(value)):
        value, percentile = PERCENTILE, int(short[1]) if percentile is None else percentile
    if not isinstance(value, str) or value not in MEASURES:
        raise BadQuestion(f"`measure` must be one of {', '.join(MEASURES)}, or like p95.", field="measure")
    if value != PERCENTILE:
        if percentile is not None:
            raise BadQuestion("Only the measure `percentile` takes `percentile`.", field="percentile")
        return value, None
    chosen = _MEDIAN if percentile is None else percentile
    if type(chosen) is not int or not 1 <= chosen <= 99:
        raise BadQuestion("`percentile` must be a whole number from 1 to 99.", field="percentile")
    return value, chosen / 100


def _property(value: Any, measure: str) -> str | None:
    if measure in ("count", USERS):
        if value is not None:
            raise BadQuestion(f"The measure `{measure}` takes no property.", field="property")
        return None
    if not isinstance(value, str) or not _is_fit(value) or not _bare(value):
        raise BadQuestion(
            f"The measure `{measure}` needs `property`, the name of a property, like props.amount.",
            field="property",
        )
    return _bare(value)


def _bare(name: str) -> str:
    return name.removeprefix("props.")


def _dimensions(value: Any) -> tuple[str, ...]:
    ok = isinstance(value, list) and len(value) <= _MOST_DIMENSIONS and len(value) == len({*map(str, value)})
    if not ok or not all(isinstance(one, str) and _is_dimension(one) for one in value):
        raise BadQuestion(
            f"`dimensions` must be a list of up to {_MOST_DIMENSIONS} different names: type or props.NAME.",
            field="dimensions",
        )
    return tuple(value)


def _is_dimension(name: str) -> bool:
    return name == "type" or (is_property(name) and _is_fit(name))


def _is_fit(name: str) -> bool:
    return is_storable(name) and len(name) <= _LONGEST_PROPERTY + len("props.")
