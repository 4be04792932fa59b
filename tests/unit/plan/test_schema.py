"""What a schema says of properties, which field it names, and that no pattern can hang it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from events.plan.errors import BadPlan
from events.plan.schema import Schema

CHECKOUT = {
    "type": "object",
    "required": ["amount"],
    "additionalProperties": False,
    "properties": {
        "amount": {"type": "number", "minimum": 0},
        "items": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
        "at": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
    },
}


def of(schema: Any) -> Schema:
    return Schema(json.dumps(schema))


@pytest.mark.parametrize(
    ("props", "field"),
    [
        ({}, "props.amount"),
        ({"amount": "12"}, "props.amount"),
        ({"amount": True}, "props.amount"),
        ({"amount": 1, "items": [{"sku": 1}, {}]}, "props.items.1.sku"),
        ({"amount": 1, "colour": "red"}, "props.colour"),
        ({"amount": 1, "at": "yesterday"}, "props.at"),
        ({"amount": 1, "mail": "nobody"}, "props.mail"),
        ({"amount": -(10**300)}, "props.amount"),
    ],
)
def test_the_field_at_fault_is_named(props: dict[str, Any], field: str) -> None:
    schema = of(CHECKOUT)
    breach = schema.breach(props)
    assert not schema.allows(props)
    assert breach and breach.field == field and breach.message


@pytest.mark.parametrize(
    "props", [{"amount": 0}, {"amount": 10**300}, {"amount": 1.5, "items": [{"sku": None}]}]
)
def test_what_keeps_it_passes(props: dict[str, Any]) -> None:
    assert of(CHECKOUT).allows(props)
    assert of(CHECKOUT).breach(props) is None


def test_messages_and_fields_are_cut() -> None:
    breach = of({"additionalProperties": {"type": "null"}}).breach({"k" * 30_000: "v" * 30_000})
    assert breach and len(breach.field) <= 300 and len(breach.message) <= 300


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "(.*)*b", "^([a-z]+)*[0-9]$", "(x+x+)+y"])
def test_no_pattern_hangs(pattern: str) -> None:
    """A backtracking engine takes longer than the universe is old for any of these."""
    text = ("a" * 16_000 if "x" not in pattern else "x" * 16_000) + "!"
    started = time.monotonic()
    assert of({"properties": {"p": {"pattern": pattern}}}).allows({"p": text}) is False
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "((a{1000}){1000}){1000}", r"\p{L}{5000}", "["])
def test_patterns_that_are_costly_or_look_around_are_refused(pattern: str) -> None:
    with pytest.raises(BadPlan, match="looks around"):
        of({"properties": {"p": {"pattern": pattern}}})


def test_ordinary_patterns_are_taken() -> None:
    for pattern in (
        r"^[\w.+-]+@[\w-]+\.[a-z]{2,24}$",
        r"^\d{4}-\d{2}-\d{2}$",
        r"^\S{3,200}$",
        "^(de|fr|it)$",
    ):
        assert of({"pattern": pattern})
