"""What a schema says of properties, which field it names, and that no pattern can hang it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from events.plan import bounds
from events.plan.errors import BadPlan
from events.plan.rewriting import quick
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
        r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
        r"^[\p{L} -]+$",
        r"^\+[1-9]\d{1,14}$",
        "^(de|fr|it)$",
    ):
        assert of({"pattern": pattern})
        assert bounds.check({"properties": {"p": {"pattern": pattern}}})


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_of_alternatives_only_that_none_fits_is_told(word: str) -> None:
    """Not why: the validator would copy the value for every alternative and every item of it."""
    schema = of({"properties": {"a": {"items": {word: [{"type": "string"}, {"type": "null"}]}}}})
    breach = schema.breach({"a": ["x", 7, 8]})
    assert schema.allows({"a": ["x"]})
    assert breach and breach.field == "props.a.1" and f"`{word}`" in breach.message


def test_no_error_lists_the_errors_of_alternatives() -> None:
    nested: Any = {"type": "string"}
    for word in ("anyOf", "oneOf") * 5:
        nested = {
            word: [nested, {"$ref": "#/$defs/d"}],
            "then": {"dependentSchemas": {"a": {word: [nested]}}},
        }
    text = json.dumps(quick({"$defs": {"d": {"anyOf": [nested]}}, "properties": {"a": nested}}))
    assert not _stray(json.loads(text))


def _stray(value: Any, under: str = "") -> bool:
    """Tell whether alternatives stand anywhere but alone behind an `if`."""
    if isinstance(value, dict):
        stray = under != "if" and bool({"anyOf", "oneOf"} & value.keys())
        return stray or any(_stray(child, word) for word, child in value.items())
    return isinstance(value, list) and any(_stray(child) for child in value)


@pytest.mark.parametrize(
    ("schema", "fits", "breaks"),
    [
        ({"anyOf": [{"minimum": 5}, {"type": "string"}], "maximum": 9}, [5, 9, "x"], [4, 10]),
        ({"oneOf": [{"minimum": 5}, {"maximum": 7}], "allOf": [{"minimum": 2}]}, [2, 4, 8], [6, 1]),
        ({"multipleOf": 0.01}, [1.25, 3, 1e300, "x"], [1.255]),
        ({"multipleOf": 5, "anyOf": [{"minimum": 0}]}, [0, 15], [7, -5]),
        ({"not": {"anyOf": [{"type": "string"}]}}, [1], ["x"]),
    ],
)
def test_what_a_schema_means_stays(schema: Any, fits: list[Any], breaks: list[Any]) -> None:
    made = of({"properties": {"p": schema}})
    assert [one for one in fits if not made.allows({"p": one})] == []
    assert [one for one in breaks if made.allows({"p": one})] == []


@pytest.mark.parametrize(
    "schema", [{"anyOf": 3}, {"allOf": 3, "anyOf": [{}]}, {"oneOf": []}, {"multipleOf": "1"}]
)
def test_what_is_wrong_is_said_of_the_schema_as_it_was_written(schema: Any) -> None:
    with pytest.raises(BadPlan) as refused:
        of(schema)
    assert refused.value.field.rpartition(".")[2] in schema
