"""Which events are meant: the words of funnels, segments, cohorts and defined metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metrics.errors import BadQuestion
from metrics.language.filters import Filter, parse_filters
from metrics.language.json_text import read_json

_MAX_TYPES, _MAX_TYPE = 50, 200
_KEYS = {"type", "filters"}


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Events of one of these types (none: of any) that meet every filter."""

    types: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()

    def wire(self) -> dict[str, Any]:
        """Return it as `read_match` takes it, in one spelling."""
        return {"type": list(self.types), "filters": [str(one) for one in self.filters]}


def parse_match(text: str, *, field: str) -> EventMatch:
    """Return the events that the parameter `field` means: a type, or JSON where it begins like an object or a text.

    Raises BadQuestion.
    """
    try:
        return read_match(read_json(text, field=field) if text.startswith(("{", '"')) else text, field=field)
    except BadQuestion as error:
        blamed = [one["field"] for one in error.extra.get("errors", ())]
        if blamed != ["filter"]:
            raise
        # A filter in it is not the parameter of that name.
        raise BadQuestion(error.message, field=field) from None


def read_match(value: Any, *, field: str) -> EventMatch:
    """Read "TYPE", or {"type": "TYPE" or a list of them, "filters": ["props.country:eq:DE", ..]}. Raises BadQuestion.

    `field` is the name to blame.
    """
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, Mapping) or set(value) - _KEYS:
        raise BadQuestion(f'`{field}` must be a type, or like {{"type": .., "filters": [..]}}.', field=field)
    filters = _texts(value.get("filters", []), f"{field}.filters")
    return EventMatch(_types(value.get("type", []), field), parse_filters(filters))


def _types(value: Any, field: str) -> tuple[str, ...]:
    types = _texts([value] if isinstance(value, str) else value, f"{field}.type")
    if len(types) > _MAX_TYPES or not all(1 <= len(one) <= _MAX_TYPE for one in types):
        raise BadQuestion(
            f"`{field}.type` takes up to {_MAX_TYPES} types of 1 to {_MAX_TYPE} characters.", field=field
        )
    return types


def _texts(value: Any, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and "\x00" not in one for one in value):
        raise BadQuestion(f"`{field}` must be a list of texts.", field=field)
    return tuple(value)
