"""Reads JSON: a parameter, or a whole body. Every refusal says what would be right."""

from __future__ import annotations

from typing import Any

from config.lib.texts import is_storable
from events.errors import InvalidJson
from events.gateway.decode import strict
from metrics.errors import BadQuestion


def read_json(text: str, *, field: str) -> Any:
    """Return the value that `text` writes as JSON, whose texts are all fit for Postgres. Raises BadQuestion."""
    try:
        return read_document(text.encode("utf-8", "surrogatepass"), field=field)
    except InvalidJson:
        raise BadQuestion(f"`{field}` must be valid JSON.", field=field) from None


def read_document(document: bytes, *, field: str) -> Any:
    """Return the value that `document` writes as JSON. Raises InvalidJson; BadQuestion where Postgres takes no text."""
    value = strict(document, lines=False)
    if not all(map(is_storable, _texts(value))):
        raise BadQuestion(f"`{field}` holds characters that are not text.", field=field)
    return value


def _texts(value: Any) -> list[str]:
    """Return every text in a JSON value, keys included. It may be nested deeper than calls can be."""
    found, left = [], [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
    return found
