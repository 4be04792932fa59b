"""GET /api/paths: the answer's form, its refusals, and whose events it follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

DAY = "2025-06-02/2025-06-03"


def walk(user: str, *types: str, start: int = 0, **props: Any) -> list[dict[str, Any]]:
    """Return a user's events, a minute apart."""
    return [
        event(user, NOON + timedelta(minutes=start + minute), type=kind, path=f"/{kind}", **props)
        for minute, kind in enumerate(types)
    ]


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with four sessions of three users, globex with others."""
    sent = [
        *walk("u1", "home", "search", "search", "buy"),
        *walk("u1", "home", start=300),
        *walk("u2", "ad", "home", "search"),
        *walk("u3", "home", "help", "home", "buy"),
    ]
    store_all(acme.id, sent)
    store_all(globex.id, walk("u1", "home", "foreign", "buy"))
    return acme


def ask(tenant: Tenant, **query: Any) -> dict[str, Any]:
    answer = tenant.get("/api/paths", **({"range": DAY} | query))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def flow(answer: dict[str, Any]) -> list[tuple[int, str, str, int]]:
    return [(one["step"], one["from"], one["to"], one["count"]) for one in answer["links"]]


def test_the_answer_has_the_documented_form(both: Tenant) -> None:
    answer = ask(both, **{"from": "home"}, steps=2)
    assert answer.pop("asOf").endswith("Z")
    assert answer == {
        "from": {"type": ["home"], "filters": []},
        "node": "type",
        "range": {"from": "2025-06-02T00:00:00Z", "to": "2025-06-03T00:00:00Z"},
        "tz": "UTC",
        "anchors": 4,
        "steps": [
            [{"node": "home", "count": 4, "ended": 1}],
            [{"node": "search", "count": 2, "ended": 1}, {"node": "help", "count": 1, "ended": 0}],
            [{"node": "buy", "count": 1, "ended": 1}, {"node": "home", "count": 1, "ended": 0}],
        ],
        "links": [
            {"step": 1, "from": "home", "to": "search", "count": 2},
            {"step": 1, "from": "home", "to": "help", "count": 1},
            {"step": 2, "from": "search", "to": "buy", "count": 1},
            {"step": 2, "from": "help", "to": "home", "count": 1},
        ],
        "ended": [1, 1, 1],
        "source": "event",
        "historyFrom": None,
        "cached": False,
    }


def test_backwards_links_still_lead_from_the_earlier_to_the_later(both: Tenant) -> None:
    answer = ask(both, to="buy", steps=2)
    assert answer["to"] == {"type": ["buy"], "filters": []}
    assert flow(answer) == [
        (1, "home", "buy", 1), (1, "search", "buy", 1), (2, "help", "home", 1), (2, "home", "search", 1),
    ]  # fmt: skip
    assert answer["ended"] == [0, 0, 1]


def test_the_first_match_of_a_session_is_its_anchor_and_the_last_one_backwards(both: Tenant) -> None:
    assert ask(both, **{"from": "home"}, filter="type:eq:none")["anchors"] == 4
    back = ask(both, to="home")
    assert [one["node"] for one in back["steps"][1]] == ["ad", "help"]


def test_repeats_are_collapsed_unless_they_are_asked_for(both: Tenant) -> None:
    kept = ask(both, **{"from": "search"}, collapse=0)
    assert flow(kept) == [(1, "search", "search", 1), (2, "search", "buy", 1)]
    assert flow(ask(both, **{"from": "search"})) == [(1, "search", "buy", 1)]


def test_a_filter_chooses_steps_and_leaves_the_sessions_what_they_are(both: Tenant) -> None:
    answer = ask(both, **{"from": "home"}, filter="type:in:buy")
    assert flow(answer) == [(1, "home", "buy", 2)]
    assert answer["anchors"] == 4


def test_nodes_are_values_of_a_property_and_null_where_there_is_none(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", NOON, path="/a"), event("u1", NOON + timedelta(minutes=1))])
    answer = ask(acme, **{"from": "{}"}, node="props.path")
    assert flow(answer) == [(1, "/a", None, 1)]
    assert answer["steps"][1] == [{"node": None, "count": 1, "ended": 1}]


def test_an_empty_text_is_a_node_of_its_own(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", NOON, path=""), event("u1", NOON + timedelta(minutes=1))])
    assert flow(ask(acme, **{"from": "page_view"}, node="props.path")) == [(1, "", None, 1)]


def test_what_is_beyond_the_top_is_other_and_so_is_what_is_called_so(acme: Tenant) -> None:
    ways = ["a", "a", "a", "other", "other", "b"]
    store_all(acme.id, [one for n, kind in enumerate(ways) for one in walk(f"u{n}", "home", kind, "end")])
    answer = ask(acme, **{"from": "home"}, top=1)
    assert answer["steps"][1] == [
        {"node": "a", "count": 3, "ended": 0}, {"node": "other", "count": 3, "ended": 0},
    ]  # fmt: skip
    assert flow(answer)[2:] == [(2, "a", "end", 3), (2, "other", "end", 3)]
    whole = ask(acme, **{"from": "home"})
    assert [one["node"] for one in whole["steps"][1]] == ["a", "b", "other"]


def test_a_match_has_filters(both: Tenant) -> None:
    wanted = '{"type": ["home", "ad"], "filters": ["props.path:eq:/ad"]}'
    assert flow(ask(both, **{"from": wanted})) == [(1, "ad", "home", 1), (2, "home", "search", 1)]


def test_an_empty_range_has_no_anchors(both: Tenant) -> None:
    answer = ask(both, **{"from": "home"}, range="2020-01-01/2020-01-02")
    assert (answer["anchors"], answer["steps"], answer["links"]) == (0, [[], [], [], []], [])


def test_an_equal_question_is_told_that_nothing_changed(both: Tenant) -> None:
    first = both.get("/api/paths", **{"from": "home", "range": DAY})
    again = both.get("/api/paths", **{"from": "home", "range": DAY})
    assert (first.json()["cached"], again.json()["cached"]) == (False, True)
    assert first["Cache-Control"].startswith("private")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "from"),
        ({"from": "a", "to": "b"}, "from"),
        ({"from": ""}, "from"),
        ({"from": "{"}, "from"),
        ({"from": "{}{}"}, "from"),
        ({"from": '{"kind": "a"}'}, "from"),
        ({"from": '{"type": 1}'}, "from.type"),
        ({"to": '{"filters": ["props.a:like:1"]}'}, "to"),
        ({"from": "x" * 201}, "from"),
        ({"from": ["a", "b"]}, "from"),
        ({"from": "a", "node": "userId"}, "node"),
        ({"from": "a", "node": "props."}, "node"),
        ({"from": "a", "steps": "0"}, "steps"),
        ({"from": "a", "steps": "7"}, "steps"),
        ({"from": "a", "top": "51"}, "top"),
        ({"from": "a", "top": "-1"}, "top"),
        ({"from": "a", "collapse": "yes"}, "collapse"),
        ({"from": "a", "range": "forever"}, "range"),
        ({"from": "a", "tz": "Mars/Olympus"}, "tz"),
        ({"from": "a", "filter": "x"}, "filter"),
        ({"from": "a", "segment": "none"}, "segment"),
        ({"from": "a", "limit": "3"}, "limit"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(
    acme: Tenant, query: dict[str, Any], field: str
) -> None:
    answer = acme.get("/api/paths", **query)
    assert answer.status_code == 400, answer.content
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_write_key_may_not_ask(acme: Tenant) -> None:
    from django.test import Client

    answer = Client().get("/api/paths?from=a", HTTP_AUTHORIZATION=f"Bearer {acme.write_key}")
    assert answer.status_code == 403
