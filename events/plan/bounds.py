"""What a schema may be. A validator walks schema and event together: here it is made sure that the walk is short.

A reference inlines what it names, so a few hundred bytes could stand for more schemas than there are atoms, or for
endless ones. Therefore schemas are counted with their references inlined, and a circle is refused. And what is said of
every item of an array is said up to 16,000 times: so the steps are bounded that any single value may cost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from events.plan import patterns, work
from events.plan.errors import BadPlan
from events.plan.words import APART, REPEATED, SHELVES, as_map, schemas_in

LONGEST_BYTES = 64 << 10
DEEPEST = 32
#: Steps (`work`) for each of the values that an event may have, and for those that there are one of, together.
MOST_STEPS, MOST_STEPS_ONCE = 200, 500_000
#: Schemas within a schema, how deep they stand, and patterns: each reference counted as what it names.
MOST_SCHEMAS, DEEPEST_SCHEMA, MOST_PATTERNS = 2000, 64, 50
DRAFT = "https://json-schema.org/draft/2020-12/schema"

#: They give a reference another meaning than the one that is counted.
_REFUSED = (
    *("$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef", "$vocabulary"),
)
#: For these the validator looks again at everything beside them, and there again: twice as long at each level.
_DOUBLING = ("unevaluatedItems", "unevaluatedProperties")
#: The smaller it is, the longer the numbers are that it is compared in.
SMALLEST_MULTIPLE = 1e-9
_TOO_DEAR = (
    "The schema asks too much of a single value: of a text, where patterns stand, or of every item or name. "
    "Say lengths by `minLength` and `maxLength` instead of {1,99}, and alternatives by `enum`."
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
class Steps:
    """Steps (`work`) that a schema may cost.

    `each`: for each value that meets the schema, or stands within one that does, where any number of values do. Where
    one does, `once` is for that one, and `shared` for each value within it, or every two bytes of a text.
    """

    each: int = 1
    shared: int = 0
    once: int = 1

    def beside(self, other: Steps) -> Steps:
        """Return the steps for a value that meets both."""
        return Steps(self.each + other.each, self.shared + other.shared, self.once + other.once)

    def or_else(self, other: Steps) -> Steps:
        """Return the steps where no value meets both."""
        return Steps(max(self.each, other.each), max(self.shared, other.shared), self.once + other.once)

    def of_all(self) -> Steps:
        """Return the steps where all that a value holds meet it."""
        return Steps(self.each, self.each, 0)


@dataclass(frozen=True, slots=True)
class _Size:
    """How many schemas and patterns a schema holds, how deep, the bytes that its patterns take, and its steps."""

    schemas: int = 1
    patterns: int = 0
    depth: int = 1
    weight: int = 0
    steps: Steps = Steps()

    def holding(self, other: _Size) -> _Size:
        """Return the size with another schema inside. Raises BadPlan where that is too much."""
        schemas, found = self.schemas + other.schemas, self.patterns + other.patterns
        depth = max(self.depth, other.depth + 1)
        if schemas > MOST_SCHEMAS or found > MOST_PATTERNS or depth > DEEPEST_SCHEMA:
            raise _bad(
                f"A schema may hold at most {MOST_SCHEMAS} schemas, {DEEPEST_SCHEMA} deep, and {MOST_PATTERNS} "
                "patterns, each `$ref` counted as what it names."
            )
        return _Size(schemas, found, depth, self.weight + other.weight, self.steps)


class _Count:
    """Counts what a document holds, references inlined. Each named schema is counted once and remembered."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[str, _Size] = {}
        self._open: set[str] = set()

    def all(self) -> _Size:
        """Return the document's size, with what no reference names: it may be compiled all the same."""
        size = self._of(self._root)
        if size.steps.shared > MOST_STEPS or size.steps.once > MOST_STEPS_ONCE:
            raise _bad(_TOO_DEAR)
        for shelf in SHELVES:
            for name in as_map(self._root.get(shelf)):
                size = size.holding(self._named(f"#/{shelf}/{name}"))
        return size

    def _of(self, schema: Any) -> _Size:
        if not isinstance(schema, dict):
            return _Size()
        self._check_words(schema)
        size, apart = _alone(schema), Steps(0, 0, 0)
        steps = size.steps
        for word, child in self._within(schema):
            size = size.holding(child)
            if word in APART:
                apart = apart.or_else(child.steps)
            else:
                steps = steps.beside(child.steps.of_all() if word in REPEATED else child.steps)
        return replace(size, steps=steps.beside(apart))

    def _within(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, _Size]]:
        if "$ref" in schema:
            yield "$ref", self._named(schema["$ref"])
        for word, child in schemas_in(schema):
            yield word, self._of(child)

    def _check_words(self, schema: Mapping[str, Any]) -> None:
        for word in (*_REFUSED, *_DOUBLING):
            if word in schema:
                raise _bad(f"`{word}` is not supported.")
        if schema is not self._root and "$defs" in schema:
            raise _bad("`$defs` may stand at the top only.")
        if schema.get("format", "date") not in _FORMATS:
            raise _bad(f"`format` must be one of {', '.join(_FORMATS)}.")
        multiple = schema.get("multipleOf", 1)
        if isinstance(multiple, int | float) and 0 < multiple < SMALLEST_MULTIPLE:
            raise _bad(f"`multipleOf` must be at least {SMALLEST_MULTIPLE}.")

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
            case ["#", shelf, name] if shelf in SHELVES and not set(name) & set("~%"):
                if name in (schemas := as_map(self._root.get(shelf))):
                    return schemas[name]
        raise _bad(
            "`$ref` must name one of the schema's own `$defs`, as in #/$defs/NAME. Nothing is fetched."
        )


def _alone(schema: Mapping[str, Any]) -> _Size:
    found = work.patterns_in(schema)
    value, content = work.of_value(schema), work.of_content(schema)
    weight = sum(patterns.weight(one) for one in found)
    return _Size(1, len(found), 1, weight, Steps(each=value + content, shared=content, once=value))
