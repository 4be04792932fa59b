"""GET /api/retention: the answer's form, its refusals, and whose events it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metrics.language.matching import EventMatch
from metrics.rollups.bounds import midnight
from metrics.segments.rules import Did
from metrics.segments.services import create_segment
from tests.support.pipeline import NOON, event, rows, store_all
from tests.support.tenants import Tenant

#: 2 June 2025 is a Monday.
JUNE = "2025-06-02/2025-06-30"
WEEK = timedelta(weeks=1)


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with three who sign up and come back at times, globex with many who always do."""
    comes = {"ada": [0, 1, 3], "ben": [0, 2], "cyn": [1, 2]}
    sent = [event(user, NOON + WEEK * week, type="visit") for user, weeks in comes.items() for week in weeks]
    sent += [event(user, NOON + WEEK * weeks[0], type="signup", plan="pro") for user, weeks in comes.items()]
    store_all(acme.id, sent)
    store_all(
        globex.id, [event(f"v{n}", NOON + WEEK * week, type="visit") for n in range(9) for week in range(4)]
    )
    return acme


def ask(tenant: Tenant, **query: Any) -> dict[str, Any]:
    answer = tenant.get("/api/retention", **({"range": JUNE} | query))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def table(answer: dict[str, Any]) -> list[tuple[int, list[int]]]:
    return [(one["size"], one["values"]) for one in answer["cohorts"]]


def test_the_answer_has_the_documented_form(both: Tenant) -> None:
    answer = ask(both, range="2025-06-03/2025-06-12")
    assert answer.pop("asOf").endswith("Z")
    assert answer == {
        "range": {"from": "2025-06-02T00:00:00Z", "to": "2025-06-16T00:00:00Z"},
        "tz": "UTC",
        "period": "week",
        "cohort": "first_in_range",
        "cohorts": [
            {"start": "2025-06-02T00:00:00Z", "size": 2, "values": [2, 1], "complete": 2},
            {"start": "2025-06-09T00:00:00Z", "size": 1, "values": [1], "complete": 1},
        ],
        "source": "rollup_users_1d",
        "historyFrom": None,
        "cached": False,
    }


def test_cohorts_are_of_the_keys_project(both: Tenant, globex: Tenant) -> None:
    assert table(ask(both)) == [(2, [2, 1, 1, 1]), (1, [1, 1, 0]), (0, [0, 0]), (0, [0])]
    assert table(ask(globex)) == [(9, [9, 9, 9, 9]), (0, [0, 0, 0]), (0, [0, 0]), (0, [0])]


def test_the_three_kinds_of_cohorts(both: Tenant) -> None:
    later = "2025-06-09/2025-06-23"
    assert table(ask(both, range=later)) == [(2, [2, 1]), (1, [1])]
    assert table(ask(both, range=later, cohort="first_ever")) == [(1, [1, 1]), (0, [0])]
    assert table(ask(both, range=later, cohort="recurring")) == [(2, [2, 1]), (2, [2])]


def test_what_begins_and_what_counts_as_coming_back(both: Tenant) -> None:
    answer = ask(both, first="signup", **{"return": '{"type": ["visit", "x"], "filters": []}'})
    assert (answer["source"], table(answer)) == (
        "event",
        [(2, [2, 1, 1, 1]), (1, [1, 1, 0]), (0, [0, 0]), (0, [0])],
    )
    pro = ask(both, first='{"filters": ["props.plan:eq:pro"]}', **{"return": "none"})
    assert table(pro)[0] == (2, [0, 0, 0, 0])


def test_in_its_own_period_only_what_follows_is_a_return(acme: Tenant) -> None:
    store_all(
        acme.id, [event("ada", NOON, type="buy"), event("ada", NOON + timedelta(hours=1), type="signup")]
    )
    store_all(acme.id, [event("ben", NOON, type="buy"), event("ben", NOON, type="signup")])
    assert table(ask(acme, first="signup", **{"return": "buy"}))[0] == (2, [1, 0, 0, 0])


def test_a_filter_and_a_segment_narrow_it(both: Tenant, globex: Tenant) -> None:
    assert table(ask(both, filter="userId:eq:ada"))[0] == (1, [1, 1, 0, 1])
    create_segment(project_id=both.id, name="once", by="test", rules=Did(EventMatch(("visit",)), at_most=2))
    narrowed = ask(both, segment="once")
    assert (narrowed["source"], table(narrowed)[0]) == ("rollup_users_1d", (1, [1, 0, 1, 0]))
    assert globex.get("/api/retention", segment="once").status_code == 400


def test_periods_follow_the_zones_calendar(both: Tenant) -> None:
    answer = ask(both, tz="Asia/Kolkata", period="month", range="2025-06-10/2025-06-11")
    assert answer["range"] == {"from": "2025-06-01T00:00:00+05:30", "to": "2025-07-01T00:00:00+05:30"}
    assert (answer["source"], table(answer)) == ("event", [(3, [3])])


@pytest.mark.parametrize(("period", "most"), [("day", 50), ("week", 8), ("month", 3)])
@pytest.mark.parametrize("tz", ["UTC", "Pacific/Auckland"])
def test_the_last_eight_weeks_end_with_a_period_that_is_not_over(
    acme: Tenant, period: str, most: int, tz: str
) -> None:
    store_all(acme.id, [event("ada", datetime.now(UTC) - timedelta(minutes=1))])
    answer = acme.get("/api/retention", period=period, tz=tz).json()
    cohorts = answer["cohorts"]
    assert len(cohorts) == most if period != "month" else len(cohorts) in (2, 3)
    assert [len(one["values"]) for one in cohorts] == list(range(len(cohorts), 0, -1))
    assert [len(one["values"]) - one["complete"] for one in cohorts] == [1] * len(cohorts)
    assert sum(one["size"] for one in cohorts) == 1


def test_no_period_lies_in_the_future(acme: Tenant) -> None:
    assert ask(acme, range="2150-01-01/2150-03-01")["cohorts"] == []
    today = datetime.now(UTC).date()
    span = f"{today - timedelta(days=2)}/{today + timedelta(days=50)}"
    assert len(ask(acme, range=span, period="day")["cohorts"]) == 3


def test_what_retention_dropped_is_told(both: Tenant) -> None:
    rows("UPDATE rollup_bounds SET sealed_before = %s RETURNING 1", midnight(NOON.date()))
    try:
        raw, kept = ask(both, first="signup"), ask(both)
    finally:
        rows("UPDATE rollup_bounds SET sealed_before = '-infinity' RETURNING 1")
    assert (raw["historyFrom"], kept["historyFrom"]) == ("2025-06-02T00:00:00Z", None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"first": ""}, "first"),
        ({"first": "{"}, "first"),
        ({"first": '{"typ": "a"}'}, "first"),
        ({"return": '{"filters": ["nonsense"]}'}, "return"),
        ({"return": ["a", "b"]}, "return"),
        ({"return": '"\\ud800"'}, "return"),
        ({"period": "year"}, "period"),
        ({"cohort": "all"}, "cohort"),
        ({"range": "forever"}, "range"),
        ({"tz": "Mars"}, "tz"),
        ({"segment": "none"}, "segment"),
        ({"step": "1d"}, "step"),
    ],
)
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, Any], field: str) -> None:
    answer = acme.get("/api/retention", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_question"), answer.content
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(("period", "fits"), [("day", "week"), ("week", "month")])
def test_too_many_periods_are_refused_with_the_period_that_fits(acme: Tenant, period: str, fits: str) -> None:
    span = "400d" if period == "day" else "3660d"
    answer = acme.get("/api/retention", range=span, period=period)
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_points")
    assert f"period={fits} " in answer.json()["message"]
    assert acme.get("/api/retention", range=span, period=fits).status_code == 200
