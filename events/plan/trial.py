"""Tries a schema on events as large as may come, before it is kept: what the bounds did not foresee is found here."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from events.gateway.limits import limits
from events.plan.errors import BadPlan
from events.plan.schema import Schema
from events.plan.words import SHELVES, as_map, schemas_in
from events.plan.work import patterns_in

#: CPU seconds for one event: the dearest schema that was found within the bounds takes 0.06 (ADR 35).
LONGEST_SECONDS = 0.1
#: Each takes a millisecond or two to make and to try.
_MOST_EVENTS = 50


def check(schema: Schema, text: str) -> None:
    """Raise BadPlan where one of the largest events takes the compiled schema of `text` too long."""
    for props in _largest(json.loads(text)):
        began = time.thread_time()
        schema.breach(props)
        if time.thread_time() - began > LONGEST_SECONDS:
            raise BadPlan("A large event takes this schema too long.", field="schema")


def _largest(root: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return events in which one of the first properties takes all the room, filled with what its schema looks at."""
    room = limits().event_bytes
    yield {"properties": [0] * (room // 2)}
    names = [name for one in _parts(root, root) for name in as_map(one.get("properties"))]
    schemas = [child for one in _parts(root, root) for child in as_map(one.get("properties")).values()]
    for name, child in list(zip(names, schemas, strict=True))[:_MOST_EVENTS]:
        yield {name: _filled(child, root, room)}


def _filled(schema: Any, root: Mapping[str, Any], room: int) -> Any:
    """Return a value of about `room` bytes: a text of the letters that patterns name, else an array, else numbers."""
    parts = list(_parts(schema, root))
    if letters := "".join(pattern for one in parts for pattern in patterns_in(one)):
        return "".join(random.Random(0).choices(letters, k=room))
    for one in parts:
        if names := as_map(one.get("properties")):
            name, child = next(iter(names.items()))
            return {name: _filled(child, root, room)}
        for word, child in schemas_in(one):
            if word in ("items", "contains", "prefixItems"):
                size = 300 if any(patterns_in(inner) for inner in _parts(child, root)) else 20
                return [_filled(child, root, size)] * (room // size)
    return [0] * (room // 2)


def _parts(schema: Any, root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the schemas that look at the same value, the first few hundred of them."""
    left, found = [schema], 0
    while left and found < 300:
        one = left.pop()
        if isinstance(one, dict):
            found += 1
            yield one
            left += [child for word, child in schemas_in(one) if word in _BESIDE]
            left += [as_map(root.get(shelf)).get(_name(one)) for shelf in SHELVES if "$ref" in one]


_BESIDE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas")


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]
