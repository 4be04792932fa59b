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
    assert 0 < patterns.weight("^[a-z]+$") < patterns.weight(r"^\p{L}+$") < 200_000
    assert patterns.weight("(") == patterns.weight(r"^\S{3,200}$") == 0


@pytest.mark.parametrize("word", ["unevaluatedProperties", "unevaluatedItems"])
def test_words_that_look_twice_at_each_level_are_refused(word: str) -> None:
    levels = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n - 1}"}], word: False} for n in range(1, 21)}
    doubling = {"$ref": "#/$defs/d20", "$defs": levels | {"d0": {}}}
    for schema in (doubling, {word: False}, {"properties": {"a": {"not": {word: {}}}}}):
        assert f"`{word}` is not supported" in refusal(schema)


#: Each asks a step of every value of an event, so often that it would take seconds.
MANY = [{"type": "number"}] * 300


@pytest.mark.parametrize(
    "inner",
    [
        {"items": {"allOf": MANY}},
        {"items": {"anyOf": MANY}},
        {"items": {"oneOf": MANY}},
        {"contains": {"allOf": MANY}},
        {"additionalProperties": {"items": {"allOf": MANY}}},
        {"patternProperties": {"^a": {"allOf": MANY}}},
        {"propertyNames": {"allOf": MANY}},
        {"allOf": [{"items": {"allOf": MANY[:150]}}] * 2},
        {"if": {"items": {"allOf": MANY[:150]}}, "then": {"contains": {"allOf": MANY[:150]}}},
        {"dependentSchemas": {f"n{n}": {"items": {"type": "string"}} for n in range(250)}},
        {"items": {"properties": {"a": {"items": {"allOf": MANY}}}}},
        {"items": {"dependentRequired": {f"n{n}": [] for n in range(300)}}},
        {"items": {"enum": ["x", *range(100)]}},
        {"items": {"const": [1.5] * 100}},
        {"items": {"const": 1e300}},
        {"items": {"allOf": [{"minimum": 0}] * 10}},
        {"items": {"enum": [None, 1e-300]}},
        {"items": {"allOf": [{"multipleOf": 0.01}] * 3}},
        {"allOf": [{"uniqueItems": True}] * 10},
        {"allOf": [{"format": "uri-reference"}] * 60},
        {"$defs": {"e": {"enum": [0.5] * 1000}}, "allOf": [{"$ref": "#/$defs/e"}] * 100},
    ],
)
def test_steps_are_bounded_for_each_value(inner: Any) -> None:
    shelves = {"$defs": inner.pop("$defs")} if "$defs" in inner else {}
    assert "too much of a single value" in refusal({"properties": {"a": inner}} | shelves)


def test_references_that_double_within_items_are_counted() -> None:
    for word in ("anyOf", "oneOf", "allOf"):
        steps = {f"s{n}": {word: [{"$ref": f"#/$defs/s{n - 1}"}] * 2} for n in range(1, 8)}
        schema = {"properties": {"a": {"items": {"$ref": "#/$defs/s7"}}}, "$defs": steps | {"s0": {}}}
        assert "too much" in refusal(schema)


def test_what_other_values_meet_is_not_counted_together() -> None:
    order = {
        "type": "object",
        "required": ["sku"],
        "properties": {"sku": {"type": "string", "maxLength": 20}},
    }
    many = {f"p{n}": {"type": "array", "items": order, "uniqueItems": True} for n in range(250)}
    assert bounds.check({"properties": many | {"at": {"format": "date-time"}}, "additionalProperties": False})


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        (r"^\d{4}-\d{2}$", 9),
        (r"(a{3}b){2}", 10),
        (r"a{5,}", 6),
        (r"(?:a?){50}b", 151),
        (r"(?i:ab)", 3),
        (r"[^\]x]\p{Greek}+", 3),
        (r"\(a\)", 3),
    ],
)
def test_the_places_of_a_pattern(pattern: str, places: int) -> None:
    assert patterns.places(pattern) == places


@pytest.mark.parametrize(
    "pattern", ["[[:alpha:]]{60}", "[]a]{60}", r"\x{41}{60}", "(a{10}){6}", "(?P<n>a){60}", "a{ 60 }"]
)
def test_places_are_never_too_few(pattern: str) -> None:
    assert patterns.places(pattern) >= 60


def test_a_pattern_with_too_many_places_is_refused_and_says_what_would_do() -> None:
    for pattern in ("[ab]*a[ab]{60}c", "(?:a?b?){60}c", "^[a-z0-9]{1,255}$", "((a{9}){9}){9}"):
        assert "`minLength` and `maxLength`" in refusal({"properties": {"p": {"pattern": pattern}}})
    two = [{"pattern": "[ab]*a[ab]{30}c"}, {"pattern": "[ab]*b[ab]{30}c"}]
    assert bounds.check({"properties": {"p": two[0], "q": two[1]}})
    assert "too much" in refusal({"properties": {"p": {"allOf": two}}})
    assert "flag `x`" in refusal({"pattern": "(?x)(?:[ab]*a[ab]) {60}"})


def test_the_smallest_fraction() -> None:
    assert "at least" in refusal({"multipleOf": 1e-300})
    assert bounds.check({"multipleOf": 0.01})
