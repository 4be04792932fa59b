"""GET and POST /api/funnels: the answer's form, its refusals, and whose events it counts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from metrics.language.matching import EventMatch
from metrics.segments.rules import Did
from metrics.segments.services import create_segment
from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

DAY = "2025-06-02/2025-06-03"
STEPS = ["view", "cart", "order"]


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with a shop's funnel, globex with a better one of the same steps."""
    ways = {"ada": STEPS, "ben": ["view", "cart"], "cyn": ["cart", "view", "order"], "dan": ["order"]}
    countries = {"ada": "DE", "ben": "DE", "cyn": "FR", "dan": "DE"}
    sent = [
        event(user, NOON + timedelta(minutes=10 * place), type=name, country=countries[user], amount=place)
        for user, way in ways.items()
        for place, name in enumerate(way)
    ]
    store_all(acme.id, sent)
    foreign = [
        event(f"v{n}", NOON + timedelta(minutes=m), type=t) for n in range(9) for m, t in enumerate(STEPS)
    ]
    store_all(globex.id, foreign)
    return acme


def ask(tenant: Tenant, **query: Any) -> dict[str, Any]:
    answer = tenant.get("/api/funnels", **({"range": DAY, "step": STEPS} | query))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def post(tenant: Tenant, body: Any) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"HTTP_AUTHORIZATION": f"Bearer {tenant.read_key}"}
    return Client().post("/api/funnels", text, "application/json", **headers)  # type: ignore[arg-type]


def persons(answer: dict[str, Any]) -> list[int]:
    return [step["persons"] for step in answer["steps"]]


def test_the_answer_has_the_documented_form(both: Tenant) -> None:
    answer = ask(both, step=["view", "cart"])
    assert answer.pop("asOf").endswith("Z")
    tens = {"median": 600.0, "p90": 600.0, "average": 600.0}
    assert answer == {
        "range": {"from": "2025-06-02T00:00:00Z", "to": "2025-06-03T00:00:00Z"},
        "tz": "UTC",
        "windowSeconds": 14 * 86400,
        "order": "ordered",
        "entered": 3,
        "converted": 2,
        "conversion": pytest.approx(2 / 3),
        "secondsToConvert": tens,
        "steps": [
            {
                "name": "view",
                "persons": 3,
                "conversionFromFirst": 1,
                "conversionFromPrevious": 1,
                "dropOff": 0,
                "secondsFromFirst": None,
            },
            {
                "name": "cart",
                "persons": 2,
                "conversionFromFirst": pytest.approx(2 / 3),
                "conversionFromPrevious": pytest.approx(2 / 3),
                "dropOff": 1,
                "secondsFromFirst": tens,
            },
        ],
        "source": "event",
        "historyFrom": None,
        "cached": False,
    }


def test_steps_come_one_after_another_and_only_of_the_keys_project(both: Tenant, globex: Tenant) -> None:
    assert persons(ask(both)) == [3, 2, 1]
    assert persons(ask(both, step=["cart", "view"])) == [3, 1]
    assert persons(ask(globex)) == [9, 9, 9]


def test_a_later_step_may_lie_after_the_range_but_not_the_first(both: Tenant) -> None:
    until_five_past = "2025-06-02T12:00:00Z/2025-06-02T12:05:00Z"
    assert persons(ask(both, range=until_five_past)) == [2, 2, 1]
    assert persons(ask(both, range="2025-06-02T12:05:00Z/2025-06-03T00:00:00Z")) == [1, 0, 0]


@pytest.mark.parametrize(
    ("window", "expected"), [("20m", [3, 2, 1]), ("19m", [3, 2, 0]), ("599s", [3, 0, 0])]
)
def test_the_whole_chain_lies_within_the_window(both: Tenant, window: str, expected: list[int]) -> None:
    assert persons(ask(both, window=window)) == expected


def test_steps_have_filters_and_names_of_their_own(both: Tenant) -> None:
    second = {"type": ["cart", "order"], "filters": ["props.amount:gt:1"], "name": "Wants it"}
    answer = ask(both, step=[], steps=json.dumps(["view", second]))
    assert [(one["name"], one["persons"]) for one in answer["steps"]] == [("view", 3), ("Wants it", 2)]
    assert persons(ask(both, step=[], steps='[{}, {"filters": ["type:eq:order"]}]')) == [4, 2]


def test_a_filter_holds_for_the_events_of_all_steps(both: Tenant) -> None:
    assert persons(ask(both, filter="props.country:eq:FR")) == [1, 0, 0]


def test_a_breakdown_tells_persons_apart_by_the_event_they_enter_with(both: Tenant) -> None:
    groups = ask(both, breakdown="props.country")["groups"]
    assert [(one["group"], one["rest"], persons(one)) for one in groups] == [
        ({"props.country": "DE"}, False, [2, 2, 1]),
        ({"props.country": "FR"}, False, [1, 0, 0]),
    ]
    rest = ask(both, breakdown="props.country", limit=1)["groups"][-1]
    assert (rest["group"], rest["rest"], persons(rest)) == ({"props.country": "other"}, True, [1, 0, 0])
    assert [one["group"] for one in ask(both, breakdown="type")["groups"]] == [{"type": "view"}]


def test_a_segment_narrows_the_persons(both: Tenant, globex: Tenant) -> None:
    create_segment(project_id=both.id, name="buyers", by="test", rules=Did(EventMatch(("order",))))
    assert persons(ask(both, segment="buyers")) == [2, 1, 1]
    assert globex.get("/api/funnels", step=STEPS, segment="buyers").status_code == 400


def test_nobody_entered(both: Tenant) -> None:
    answer = ask(both, range="2020-01-01/2020-01-02", breakdown="type")
    assert (answer["conversion"], answer["secondsToConvert"], answer["groups"]) == (None, None, [])
    assert [one["conversionFromPrevious"] for one in answer["steps"]] == [None, None, None]


def test_a_body_asks_the_same_as_the_query_string(both: Tenant) -> None:
    question = {"range": DAY, "steps": ["view", {"type": "cart"}], "filter": ["type:ne:x"], "limit": 3}
    answer = post(both, question | {"breakdown": "type", "segment": None})
    assert answer.status_code == 200, answer.content
    asked = ask(both, step=["view", "cart"], filter="type:ne:x", limit=3, breakdown="type")
    assert [(answer.json()[name]) for name in ("steps", "groups")] == [asked["steps"], asked["groups"]]


def test_equal_questions_are_computed_once_and_may_be_kept(both: Tenant) -> None:
    first, second = (both.get("/api/funnels", range=DAY, step=STEPS) for _ in range(2))
    assert [first.json()["cached"], second.json()["cached"]] == [False, True]
    assert second.headers["Cache-Control"].startswith("private, max-age=")
    again = Client().get(
        "/api/funnels",
        {"range": DAY, "step": STEPS},
        HTTP_AUTHORIZATION=f"Bearer {both.read_key}",
        HTTP_IF_NONE_MATCH=second.headers["ETag"],
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "steps"),
        ({"step": "view"}, "steps"),
        ({"step": ["a"] * 11}, "steps"),
        ({"step": STEPS, "steps": "[]"}, "steps"),
        ({"steps": "view"}, "steps"),
        ({"steps": "{}"}, "steps"),
        ({"steps": '"ab"'}, "steps"),
        ({"steps": "[1, 2]"}, "steps[0]"),
        ({"steps": '["a", {"types": "b"}]'}, "steps[1]"),
        ({"steps": '["a", ""]'}, "steps[1]"),
        ({"steps": '["a", {"type": "b", "filters": ["nonsense"]}]'}, "steps[1]"),
        ({"steps": '["a", {"type": "b", "name": ""}]'}, "steps[1].name"),
        ({"steps": '["a", "\\u0000"]'}, "steps"),
        ({"steps": '["a", {"filters": ["props.a:eq:\\ud800"]}]'}, "steps"),
        ({"steps": "[" * 5000}, "steps"),
        ({"steps": "[" + "9" * 5000 + "]"}, "steps"),
        ({"steps": '[NaN, "a"]'}, "steps"),
        ({"step": STEPS, "window": "91d"}, "window"),
        ({"step": STEPS, "window": "0m"}, "window"),
        ({"step": STEPS, "window": "soon"}, "window"),
        ({"step": STEPS, "window": "9999999w"}, "window"),
        ({"step": STEPS, "order": "any"}, "order"),
        ({"step": STEPS, "breakdown": "userId"}, "breakdown"),
        ({"step": STEPS, "breakdown": "props."}, "breakdown"),
        ({"step": STEPS, "limit": "0"}, "limit"),
        ({"step": STEPS, "limit": "101"}, "limit"),
        ({"step": STEPS, "range": "forever"}, "range"),
        ({"step": STEPS, "tz": "Mars"}, "tz"),
        ({"step": STEPS, "segment": "none"}, "segment"),
        ({"step": STEPS, "metric": "count"}, "metric"),
    ],
)
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, Any], field: str) -> None:
    answer = acme.get("/api/funnels", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_question"), answer.content
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"steps": ["a", "b"], "steps": ["a", "c"]}',
        {"steps": ["a", "b"], "range": {}},
        {"steps": ["a", "b"], "limit": 1.5},
        {"steps": ["a", "b"], "limit": True},
        {"steps": ["a", "b"], "filter": [1.5]},
        {"steps": {"a": "b"}},
        {"steps": ["a", "b"], "project": "globex"},
        {"steps": ["a", "\ud800"]},
        {"steps": ["a", "b"], "tz": "\ud800"},
        {"steps": ["a", "b"], "\ud800": "x"},
    ],
)
def test_a_body_that_cannot_be_understood_is_refused(acme: Tenant, body: Any) -> None:
    answer = post(acme, body)
    assert answer.status_code == 400, answer.content


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a%sb", "{p0}", "%(p0)s", "☃", "a\\b"])
def test_types_and_properties_are_only_names(acme: Tenant, name: str) -> None:
    store_all(
        acme.id, [event("u", NOON, type=name, **{name: "x"}), event("u", NOON + timedelta(1), type="b")]
    )
    answer = ask(acme, step=[name, "b"], breakdown=f"props.{name}")
    assert [(one["group"], persons(one)) for one in answer["groups"]] == [({f"props.{name}": "x"}, [1, 1])]
