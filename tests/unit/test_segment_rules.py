"""Rules that cannot be meant are refused, and the refusal names the place."""

from __future__ import annotations

from typing import Any

import pytest

from metrics.errors import BadQuestion
from metrics.segments.reading import read_rules

DID = {"did": "buy"}


def nested(levels: int) -> Any:
    rule: Any = DID
    for _ in range(levels - 1):
        rule = {"not": rule}
    return rule


BAD: list[tuple[Any, str]] = [
    (None, "rules"),
    ([], "rules"),
    ("did", "rules"),
    ({}, "rules"),
    ({"did": "buy", "trait": "plan:eq:pro"}, "rules"),
    ({"did": "buy", "atleast": 2}, "rules"),
    ({"not": DID, "within": "30d"}, "rules"),
    ({"all": []}, "rules.all"),
    ({"any": DID}, "rules.any"),
    ({"any": [DID] * 21}, "rules.any"),
    ({"all": [{"any": [DID] * 15}, {"any": [DID] * 6}]}, "rules"),
    (nested(6), "rules.not.not.not.not.not"),
    ({"all": [DID, {"not": {}}]}, "rules.all[1].not"),
    ({"did": None}, "rules.did"),
    ({"did": 5}, "rules.did"),
    ({"did": ""}, "rules.did"),
    ({"did": "x" * 201}, "rules.did"),
    ({"did": {"type": [5]}}, "rules.did.type"),
    ({"did": {"type": "a\x00b"}}, "rules.did.type"),
    ({"did": {"type": "a\ud800"}}, "rules.did.type"),
    ({"did": {"event": "buy"}}, "rules.did"),
    ({"did": {"filters": "props.a:eq:b"}}, "rules.did.filters"),
    ({"did": {"filters": ["props.a:eq:b"] * 21}}, "rules.did.filters"),
    ({"all": [DID, {"did": {"filters": ["props.a:is:b"]}}]}, "rules.all[1].did.filters[0]"),
    ({"did": {"filters": ["props.a:eq:b", "props.a:gt:much"]}}, "rules.did.filters[1]"),
    ({"did": {"filters": [["props.a:eq:b"]]}}, "rules.did.filters[0]"),
    ({"did": {"filters": ["props.a:eq:\ud800"]}}, "rules.did.filters[0]"),
    ({"did": {"filters": ["props.a:eq:\x00"]}}, "rules.did.filters[0]"),
    ({**DID, "atLeast": -1}, "rules.atLeast"),
    ({**DID, "atLeast": 0}, "rules.atLeast"),
    ({**DID, "atLeast": 1.0}, "rules.atLeast"),
    ({**DID, "atLeast": True}, "rules.atLeast"),
    ({**DID, "atLeast": "2"}, "rules.atLeast"),
    ({**DID, "atLeast": 10**400}, "rules.atLeast"),
    ({**DID, "atMost": 0}, "rules.atMost"),
    ({**DID, "atLeast": 3, "atMost": 2}, "rules.atMost"),
    ({**DID, "atMost": None}, "rules.atMost"),
    ({**DID, "within": "30"}, "rules.within"),
    ({**DID, "within": "today"}, "rules.within"),
    ({**DID, "within": "0d"}, "rules.within"),
    ({**DID, "within": "999999w"}, "rules.within"),
    ({**DID, "within": 30}, "rules.within"),
    ({**DID, "within": "30d", "range": "today"}, "rules.range"),
    ({**DID, "range": "2025-01-02/2025-01-01"}, "rules.range"),
    ({**DID, "range": "soon"}, "rules.range"),
    ({**DID, "range": "2025-01-01/9999-01-01"}, "rules.range"),
    ({"trait": 5}, "rules.trait"),
    ({"trait": "plan"}, "rules.trait"),
    ({"trait": ":eq:pro"}, "rules.trait"),
    ({"trait": "plan:is:pro"}, "rules.trait"),
    ({"trait": "seats:gt:many"}, "rules.trait"),
    ({"trait": "plan:eq:\x00"}, "rules.trait"),
]


@pytest.mark.parametrize(("rules", "place"), BAD)
def test_a_bad_rule_is_refused_with_its_place(rules: Any, place: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        read_rules(rules)
    (error,) = refused.value.extra["errors"]
    assert error["field"].startswith(place), error
    assert "props.country" not in error["message"] or ".did" in place, error


@pytest.mark.parametrize(
    "rules",
    [
        nested(5),
        {"all": [{"any": [DID] * 10}, {"any": [DID] * 10}]},
        {**DID, "atLeast": 0, "atMost": 0},
        {**DID, "atMost": 1},
        {**DID, "range": "yesterday"},
        {"did": {}, "within": "1m"},
        {"trait": "a:b:eq:x:y"},
        {"trait": "plan:exists:false"},
    ],
)
def test_what_is_just_within_the_limits_is_taken(rules: Any) -> None:
    read_rules(rules)
