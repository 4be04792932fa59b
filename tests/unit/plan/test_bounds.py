"""Schemas that would make a validator walk for ever, or far, are refused before it sees them."""

from __future__ import annotations

from typing import Any

import pytest

from events.plan import bounds, patterns
from events.plan.errors import BadPlan
from events.plan.schema import Schema


def refusal(schema: Any) -> str:
    with pytest.raises(BadPlan) as refused:
        Schema(bounds.check(schema).text)
    assert refused.value.extra["errors"][0]["field"].startswith("schema")
    return refused.value.message


def chain(length: int, copies: int) -> dict[str, Any]:
    """Return a schema that refers to itself `copies` times at each of `length` steps."""
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * copies} for n in range(length)}
    return {"$ref": "#/$defs/s0", "$defs": steps | {f"s{length}": {"type": "object"}}}


@pytest.mark.parametrize("schema", [None, True, [], "object", 1])
def test_only_an_object_is_a_schema(schema: Any) -> None:
    assert "must be an object" in refusal(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "other.json#/$defs/a"},
        {"$ref": "#/$defs/a"},
        {"$ref": "#/properties/a", "properties": {"a": {}}},
        {"$ref": 7},
        {"$ref": ["#", "$defs"]},
        {"properties": {"deep": {"items": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}},
    ],
)
def test_a_reference_names_one_of_the_schemas_own(schema: Any) -> None:
    assert "Nothing is fetched" in refusal(schema)


def test_a_circle_is_refused() -> None:
    alice = {"allOf": [{"$ref": "#/$defs/bob"}]}
    bob = {"properties": {"friend": {"$ref": "#/$defs/alice"}}}
    assert "leads back to itself" in refusal({"$defs": {"alice": alice, "bob": bob}})


def test_references_count_as_what_they_name() -> None:
    assert bounds.check(chain(6, 2))
    assert "2000 schemas" in refusal(chain(30, 2))
    assert "for too long" in refusal(chain(500, 1))
    assert "64 deep" in refusal(chain(40, 1))


def test_patterns_count_with_their_references() -> None:
    schema = {
        "$defs": {"p": {"pattern": "a"}},
        "properties": {f"p{n}": {"$ref": "#/$defs/p"} for n in range(60)},
    }
    assert "50 patterns" in refusal(schema)
    few = {"$defs": {"p": {"pattern": "a"}}, "properties": {f"p{n}": {"$ref": "#/$defs/p"} for n in range(5)}}
    assert bounds.check(few).weight > 6 * patterns.weight("a")


def test_size_and_depth_are_bounded() -> None:
    assert "bytes" in refusal({"description": "x" * bounds.LONGEST_BYTES})
    deep: Any = {}
    for _ in range(100_000):
        deep = {"not": deep}
    assert "deep" in refusal(deep)


@pytest.mark.parametrize(
    "word", ["$anchor", "$id", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "$recursiveRef"]
)
def test_words_that_change_what_a_reference_means_are_refused(word: str) -> None:
    assert f"`{word}` is not supported" in refusal({"properties": {"a": {word: "x"}}})


def test_the_draft_is_the_latest() -> None:
    assert bounds.check({"$schema": bounds.DRAFT})
    assert "2020-12" in refusal({"$schema": "http://json-schema.org/draft-07/schema#"})


def test_a_property_may_have_any_name() -> None:
    names = ["$ref", "$id", "$defs", "pattern", "format"]
    schema = {
        "properties": {name: {"type": "string"} for name in names},
        "const": {"$ref": "http://x", "format": "x"},
    }
    assert Schema(bounds.check(schema).text)


def test_unknown_formats_are_named() -> None:
    assert "date-time" in refusal({"properties": {"a": {"format": "regex"}}})


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "objekt"}, "schema.type"),
        ({"properties": {"a": {"minimum": "1"}}}, "schema.properties.a.minimum"),
        ({"required": "a"}, "schema.required"),
        ({"items": [{}]}, "schema.items"),
        ({"pattern": "("}, "schema.pattern"),
        ({"description": "\ud800"}, "schema"),
    ],
)
def test_a_fault_is_located(schema: Any, field: str) -> None:
    with pytest.raises(BadPlan) as refused:
        Schema(bounds.check(schema).text)
    assert refused.value.field == field


def test_a_large_pattern_weighs_more() -> None:
    assert 0 < patterns.weight("^[a-z]+$") < patterns.weight(r"^\S{3,200}$") < 2 << 20
    assert patterns.weight("(") == 0
