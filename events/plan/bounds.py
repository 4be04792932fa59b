"""What a schema may be. A validator walks schema and event together: here it is made sure that the walk is short.

A reference inlines what it names, so a few hundred bytes could stand for more schemas than there are atoms, or for
endless ones. Therefore schemas are counted with their references inlined, and a circle is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from events.plan import patterns
from events.plan.errors import BadPlan

LONGEST_BYTES = 64 << 10
DEEPEST = 32
#: Schemas within a schema, how deep they stand, and patterns: each reference counted as what it names.
MOST_SCHEMAS, DEEPEST_SCHEMA, MOST_PATTERNS = 2000, 64, 50
DRAFT = "https://json-schema.org/draft/2020-12/schema"

#: Where schemas stand in a schema: one, an array of them, or an object of them.
_ONE = (
    *("additionalProperties", "contains", "contentSchema", "if", "then", "else", "items", "not"),
    *("propertyNames", "unevaluatedItems", "unevaluatedProperties"),
)
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("dependencies", "dependentSchemas", "patternProperties", "properties")
_SHELVES = ("$defs", "definitions")
#: They give a reference another meaning than the one that is counted.
_REFUSED = (
    *("$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef", "$vocabulary"),
)
_FORMATS = (
    *("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time"),
    *("uri", "uri-reference", "uuid"),
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A schema within its bounds, as compact JSON in ASCII; `weight` is about how many bytes it takes compiled."""

    text: str
    weight: int


def check(schema: Any) -> Checked:
    """Return `schema`, decoded JSON, checked. Raises BadPlan where it breaks a bound."""
    if not isinstance(schema, dict):
        raise _bad("A schema must be an object.")
    _check_depth(schema)
    text = json.dumps(schema, separators=(",", ":"))
    if len(text) > LONGEST_BYTES:
        raise _bad(f"A schema may have at most {LONGEST_BYTES} bytes.")
    if schema.get("$schema", DRAFT) != DRAFT:
        raise _bad(f"`$schema` must be {DRAFT}.")
    try:
        weight = _Count(schema).all().weight
    except RecursionError:
        raise _bad("The schema is nested too deeply.") from None
    return Checked(text, weight + 4 * len(text))


def _bad(message: str) -> BadPlan:
    return BadPlan(message, field="schema")


def _check_depth(schema: Any) -> None:
    level = [schema]
    for _ in range(DEEPEST):
        level = [child for one in level for child in _children(one)]
        if not level:
            return
    raise _bad(f"A schema may be nested {DEEPEST} deep at most.")


def _children(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value
    return (child for child in inside if isinstance(child, dict | list))


@dataclass(frozen=True, slots=True)
class _Size:
    """How many schemas and patterns a schema holds, how deep, and the bytes that its patterns take."""

    schemas: int = 1
    patterns: int = 0
    depth: int = 1
    weight: int = 0

    def holding(self, other: _Size) -> _Size:
        """Return the size with another schema inside. Raises BadPlan where that is too much."""
        schemas, found = self.schemas + other.schemas, self.patterns + other.patterns
        depth = max(self.depth, other.depth + 1)
        if schemas > MOST_SCHEMAS or found > MOST_PATTERNS or depth > DEEPEST_SCHEMA:
            raise _bad(
                f"A schema may hold at most {MOST_SCHEMAS} schemas, {DEEPEST_SCHEMA} deep, and {MOST_PATTERNS} "
                "patterns, each `$ref` counted as what it names."
            )
        return _Size(schemas, found, depth, self.weight + other.weight)


class _Count:
    """Counts what a document holds, references inlined. Each named schema is counted once and remembered."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[str, _Size] = {}
        self._open: set[str] = set()

    def all(self) -> _Size:
        """Return the document's size, with what no reference names: it may be compiled all the same."""
        size = self._of(self._root)
        for shelf in _SHELVES:
            for name in _as_map(self._root.get(shelf)):
                size = size.holding(self._named(f"#/{shelf}/{name}"))
        return size

    def _of(self, schema: Any) -> _Size:
        if not isinstance(schema, dict):
            return _Size()
        self._check_words(schema)
        found = _patterns_in(schema)
        size = _Size(patterns=len(found), weight=sum(patterns.weight(one) for one in found))
        if "$ref" in schema:
            size = size.holding(self._named(schema["$ref"]))
        for child in _schemas_in(schema):
            size = size.holding(self._of(child))
        return size

    def _check_words(self, schema: Mapping[str, Any]) -> None:
        for word in _REFUSED:
            if word in schema:
                raise _bad(f"`{word}` is not supported.")
        if schema is not self._root and "$defs" in schema:
            raise _bad("`$defs` may stand at the top only.")
        if schema.get("format", "date") not in _FORMATS:
            raise _bad(f"`format` must be one of {', '.join(_FORMATS)}.")

    def _named(self, reference: Any) -> _Size:
        found = self._find(reference)
        if reference in self._open:
            raise _bad(f"`$ref` {reference} leads back to itself.")
        if len(self._open) > DEEPEST_SCHEMA:
            raise _bad("`$ref` leads from schema to schema for too long.")
        if reference not in self._known:
            self._open.add(reference)
            self._known[reference] = self._of(found)
            self._open.remove(reference)
        return self._known[reference]

    def _find(self, reference: Any) -> Any:
        match reference.split("/") if isinstance(reference, str) else None:
            case ["#", shelf, name] if shelf in _SHELVES and not set(name) & set("~%"):
                if name in (schemas := _as_map(self._root.get(shelf))):
                    return schemas[name]
        raise _bad(
            "`$ref` must name one of the schema's own `$defs`, as in #/$defs/NAME. Nothing is fetched."
        )


def _patterns_in(schema: Mapping[str, Any]) -> list[str]:
    found = [schema.get("pattern"), *_as_map(schema.get("patternProperties"))]
    return [one for one in found if isinstance(one, str)]


def _schemas_in(schema: Mapping[str, Any]) -> Iterator[Any]:
    yield from (schema[word] for word in _ONE if word in schema)
    for word in _SEVERAL:
        found = schema.get(word)
        yield from found if isinstance(found, list) else ()
    for word in _NAMED:
        yield from _as_map(schema.get(word)).values()


def _as_map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
