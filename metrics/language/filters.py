"""Conditions on one event. Every refusal says what would be right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from metrics.errors import BadQuestion
from metrics.language.numbers import number_of

_MAX_FILTERS = 20
_MAX_VALUES = 1000
_MAX_TEXT = 1000
_FILTER = re.compile(
    r"(?P<field>type|userId|props\..+?):(?P<op>eq|ne|in|contains|gte|gt|lte|lt|exists)(?::(?P<value>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: `field` is `type`, `userId` or `props.NAME`; `values` has one value except for `in`."""

    field: str
    op: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as the API takes it."""
        return f"{self.field}:{self.op}:{','.join(self.values)}"


class NoCondition(BadQuestion):
    """What is given has not the form of a condition."""


def is_property(field: str) -> bool:
    """Tell whether a field is a property with a name."""
    return field.startswith("props.") and len(field) > len("props.")


def parse_filters(values: Sequence[str]) -> tuple[Filter, ...]:
    """Return the conditions, all of which must hold. Raises BadQuestion."""
    if len(values) > _MAX_FILTERS:
        raise BadQuestion(f"At most {_MAX_FILTERS} filters may be given.", field="filter")
    return tuple(parse_filter(value) for value in values)


def parse_filter(text: str) -> Filter:
    """Return the condition that `text` writes as FIELD:OP:VALUE. Raises BadQuestion."""
    match = _FILTER.fullmatch(text)
    if not match:
        raise NoCondition("`filter` must be like props.country:eq:DE.", field="filter")
    op, value = match["op"], match["value"]
    if op == "exists":
        if value not in (None, "", "true", "false"):
            raise BadQuestion("`exists` takes true or false.", field="filter")
        return Filter(match["field"], op, ("false" if value == "false" else "true",))
    parts = tuple((value or "").split(",")) if op == "in" else (value or "",)
    if value is None or any(len(part) > _MAX_TEXT for part in parts):
        raise BadQuestion(f"A filter needs a value of at most {_MAX_TEXT} characters.", field="filter")
    if op in ("gt", "gte", "lt", "lte"):
        _check_comparison(match["field"], value)
    if len(parts) > _MAX_VALUES:
        raise BadQuestion(f"`in` takes at most {_MAX_VALUES} values.", field="filter")
    return Filter(match["field"], op, parts)


def _check_comparison(field: str, value: str) -> None:
    if not is_property(field):
        raise BadQuestion(f"gt, gte, lt and lte compare properties; {field} is a text.", field="filter")
    if number_of(value) is None:
        raise BadQuestion("gt, gte, lt and lte compare with a number.", field="filter")
