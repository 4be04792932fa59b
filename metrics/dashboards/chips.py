"""What narrows a page's question, as chips that can be taken out one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.language.filters import parse_filter

if TYPE_CHECKING:
    from metrics.dashboards.view import View

_OPERATORS = {
    "eq": "is",
    "ne": "is not",
    "in": "is one of",
    "contains": "contains",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
}


@dataclass(frozen=True)
class Chip:
    """One restriction: a field, how it is compared, the value, and the query string without it.

    `name` and `text` are the field of the URL that it comes from.
    """

    field: str
    operator: str
    value: str
    without: str
    name: str
    text: str


def chips_of(view: View) -> tuple[Chip, ...]:
    """Return a chip for each type and filter; the segment has a control of its own."""
    types = (Chip("type", "is", one, view.without_type(one), "type", one) for one in view.types)
    return (*types, *(_chip(view, text) for text in view.filters))


def _chip(view: View, text: str) -> Chip:
    found = parse_filter(text)
    field, without = field_label(found.field), view.without_filter(text)
    if found.op == "exists":
        said = "is missing" if found.values == ("false",) else "is there"
        return Chip(field, said, "", without, "filter", text)
    return Chip(field, _OPERATORS[found.op], ", ".join(found.values), without, "filter", text)


def field_label(field: str) -> str:
    """Return what people call a field: a property by its bare name."""
    return "user" if field == "userId" else field.removeprefix("props.")
