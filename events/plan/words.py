"""Where schemas stand in a schema, by the word that they stand under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: One, an array of them, or an object of them.
_ONE = (
    *("additionalProperties", "contains", "contentSchema", "if", "then", "else", "items", "not"),
    *("propertyNames",),
)
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("dependencies", "dependentSchemas", "patternProperties", "properties")
SHELVES = ("$defs", "definitions")
#: Under these each schema meets one value of its own, under those any number of values; under others the same value.
APART = ("properties", "prefixItems")
REPEATED = ("additionalProperties", "contains", "items", "patternProperties", "propertyNames")


def schemas_in(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the schemas that stand in a schema, not those on its shelves, each with its word."""
    yield from ((word, schema[word]) for word in _ONE if word in schema)
    for word in _SEVERAL:
        found = schema.get(word)
        yield from ((word, one) for one in found) if isinstance(found, list) else ()
    for word in _NAMED:
        yield from ((word, one) for one in as_map(schema.get(word)).values())


def with_schemas(schema: Mapping[str, Any], made: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a schema with each schema in it, and on its shelves, as `made` returns it."""
    copy = dict(schema)
    for word, value in schema.items():
        if word in _ONE:
            copy[word] = made(value)
        elif word in _SEVERAL and isinstance(value, list):
            copy[word] = [made(one) for one in value]
        elif word in (*_NAMED, *SHELVES) and isinstance(value, dict):
            copy[word] = {name: made(one) for name, one in value.items()}
    return copy


def as_map(value: Any) -> Mapping[str, Any]:
    """Return an object of a schema; what is none is for the validator to refuse."""
    return value if isinstance(value, dict) else {}
