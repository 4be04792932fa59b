"""A schema is tried on the largest events before it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.gateway.limits import limits
from events.plan import trial
from events.plan.errors import BadPlan
from events.plan.schema import Schema

SCHEMA: dict[str, Any] = {
    "$defs": {"code": {"pattern": "^[xy]+$"}},
    "properties": {
        "code": {"allOf": [{"$ref": "#/$defs/code"}]},
        "lines": {"type": "array", "items": {"properties": {"sku": {"pattern": "^q+$"}}}},
        "amount": {"type": "number"},
    },
}


class Tried(Schema):
    """Notes what it was tried on."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def breach(self, props: dict[str, Any]) -> None:
        self.events.append(props)


def test_each_property_is_tried_with_all_the_room() -> None:
    tried = Tried()
    trial.check(tried, json.dumps(SCHEMA))
    _, code, lines, amount = tried.events
    room = limits().event_bytes
    assert len(code["code"]) == room and set("xy") <= set(code["code"])
    assert len(json.dumps(lines)) > room and "q" in lines["lines"][0]["sku"]
    assert len(amount["amount"]) == room // 2


def test_what_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LONGEST_SECONDS", 0)
    with pytest.raises(BadPlan, match="too long"):
        trial.check(Schema("{}"), "{}")


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"a": True, "b": {"items": False}}},
        {"allOf": [{"properties": {"a": {"$ref": "#/$defs/x"}}}]},
    ],
)
def test_a_schema_may_say_little(schema: Any) -> None:
    text = json.dumps(schema | {"$defs": {"x": {"prefixItems": [{"pattern": "a"}]}}})
    trial.check(Schema(text), text)
