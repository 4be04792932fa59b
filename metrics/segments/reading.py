"""Reads a segment's rules from JSON. Every refusal names the place: `rules.all[1].did.filters[0]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from config.lib import clock
from metrics.errors import BadQuestion
from metrics.language.filters import Filter, NoCondition, parse_filter
from metrics.language.matching import EventMatch, read_match
from metrics.language.ranges import parse_range
from metrics.segments.rules import All, AnyOf, Did, Not, Rule, Trait
from metrics.segments.texts import is_text, shown

Checked = TypeVar("Checked")
_MAX_DEPTH, _MAX_LEAVES, _MAX_TIMES = 5, 20, 1_000_000_000
_WITHIN = re.compile(r"[0-9]{1,6}[mhdw]")
_UTC = ZoneInfo("UTC")
#: What a rule is called by, and what may stand beside it.
_KEYS: dict[str, tuple[str, ...]] = {
    "all": (),
    "any": (),
    "not": (),
    "did": ("atLeast", "atMost", "within", "range"),
    "trait": (),
}


def read_rules(value: Any, *, place: str = "rules") -> Rule:
    """Return the rule that decoded JSON writes. Raises BadQuestion, whose field is the place within `value`."""
    rule = _rule(value, place, _MAX_DEPTH)
    if (leaves := _leaves(rule)) > _MAX_LEAVES:
        raise BadQuestion(f"At most {_MAX_LEAVES} conditions may be combined, not {leaves}.", field=place)
    return rule


def span_of(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open range of time that `within` or `range` of a rule names. Raises BadQuestion."""
    return parse_range(text, _UTC, now)


def _rule(value: Any, place: str, depth: int) -> Rule:
    kind = _kind(value, place)
    if not depth:
        raise BadQuestion(f"Rules may be nested {_MAX_DEPTH} deep.", field=place)
    inner = f"{place}.{kind}"
    if kind == "did":
        return _did(value, place)
    if kind == "trait":
        return _trait(value["trait"], inner)
    if kind == "not":
        return Not(_rule(value["not"], inner, depth - 1))
    rules = tuple(_rule(one, f"{inner}[{i}]", depth - 1) for i, one in enumerate(_some(value[kind], inner)))
    return All(rules) if kind == "all" else AnyOf(rules)


def _kind(value: Any, place: str) -> str:
    """Return which rule this is; raise BadQuestion where it is none, or holds what it does not know."""
    kinds = [name for name in _KEYS if name in value] if isinstance(value, Mapping) else []
    if len(kinds) != 1:
        raise BadQuestion(f"`{place}` must be an object with one of {', '.join(_KEYS)}.", field=place)
    (kind,) = kinds
    for name in sorted(value.keys() - {kind, *_KEYS[kind]}):
        known = ", ".join(_KEYS[kind]) or "nothing"
        raise BadQuestion(f"`{kind}` takes {known} beside it, not `{shown(name)}`.", field=place)
    return kind


def _some(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_LEAVES:
        raise BadQuestion(f"`{place}` must be a list of 1 to {_MAX_LEAVES} rules.", field=place)
    return value


def _leaves(rule: Rule) -> int:
    if isinstance(rule, All | AnyOf):
        return sum(map(_leaves, rule.rules))
    return _leaves(rule.rule) if isinstance(rule, Not) else 1


# --- did ------------------------------------------------------------------------------------------------------


def _did(value: Mapping[str, Any], place: str) -> Did:
    at_least, at_most = _times(value, place)
    within, span = _window(value, place)
    return Did(_match(value["did"], f"{place}.did"), at_least, at_most, within, span)


def _match(value: Any, place: str) -> EventMatch:
    match = _at(place, lambda: read_match(_without_filters(value), field=place))
    filters = value.get("filters", []) if isinstance(value, Mapping) else []
    if not all(map(is_text, match.types)):
        raise BadQuestion(f"`{place}.type` must be a text.", field=f"{place}.type")
    if not isinstance(filters, list):
        raise BadQuestion(f"`{place}.filters` must be a list.", field=f"{place}.filters")
    if len(filters) > _MAX_LEAVES:
        raise BadQuestion(f"`{place}.filters` takes at most {_MAX_LEAVES}.", field=f"{place}.filters")
    return EventMatch(
        match.types, tuple(_filter(one, f"{place}.filters[{i}]") for i, one in enumerate(filters))
    )


def _without_filters(value: Any) -> Any:
    return {**value, "filters": []} if isinstance(value, Mapping) else value


def _filter(value: Any, place: str) -> Filter:
    text = _text(value, place)
    return _at(place, lambda: parse_filter(text))


def _times(value: Mapping[str, Any], place: str) -> tuple[int, int | None]:
    at_least = _number(value.get("atLeast", 1), f"{place}.atLeast")
    if "atMost" not in value:
        if not at_least:
            message = "`atLeast` 0 holds for everybody: say `atMost` too."
            raise BadQuestion(message, field=f"{place}.atLeast")
        return at_least, None
    at_most = _number(value["atMost"], f"{place}.atMost")
    if at_most < at_least:
        message = "`atMost` is less than `atLeast`, which is 1 unless given; 0 includes those who never did."
        raise BadQuestion(message, field=f"{place}.atMost")
    return at_least, at_most


def _number(value: Any, place: str) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_TIMES:
        raise BadQuestion(f"`{place}` must be a whole number from 0 to {_MAX_TIMES}.", field=place)
    return value


def _window(value: Mapping[str, Any], place: str) -> tuple[str | None, str | None]:
    if "within" in value and "range" in value:
        raise BadQuestion("`within` and `range` exclude each other.", field=f"{place}.range")
    for name in ("within", "range"):
        if name in value:
            here = f"{place}.{name}"
            text = _text(value[name], here)
            if name == "within" and not _WITHIN.fullmatch(text):
                raise BadQuestion(f"`{here}` must be like 30d: a number and m, h, d or w.", field=here)
            _at(here, lambda text=text: span_of(text, clock.now()))  # type: ignore[misc]
    return value.get("within"), value.get("range")


# --- traits ---------------------------------------------------------------------------------------------------


def _trait(value: Any, place: str) -> Trait:
    text = _text(value, place)
    try:
        return Trait(parse_filter(f"props.{text}"))
    except NoCondition:
        raise BadQuestion(f"`{place}` must be like plan:eq:pro.", field=place) from None
    except BadQuestion as error:
        raise BadQuestion(error.message, field=place) from None


# --- texts and places -----------------------------------------------------------------------------------------


def _at(place: str, read: Callable[[], Checked]) -> Checked:
    """Return what `read` returns. A BadQuestion of its names `place`, unless it names one further inside."""
    try:
        return read()
    except BadQuestion as error:
        named = next((str(one["field"]) for one in error.extra.get("errors", ())), "")
        raise BadQuestion(error.message, field=named if named.startswith(place) else place) from None


def _text(value: Any, place: str) -> str:
    if not is_text(value):
        raise BadQuestion(f"`{place}` must be a text.", field=place)
    return str(value)
