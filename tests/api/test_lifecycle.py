"""GET /api/lifecycle: the answer's form, its refusals, and whose users it counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

DAYS = "2025-06-02/2025-06-05"


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with three users over three days, globex with others."""
    came = {"ada": [0, 1, 2], "ben": [0, 2], "cyn": [2]}
    sent = [event(user, NOON + timedelta(days=day)) for user, days in came.items() for day in days]
    store_all(acme.id, [*sent, event("ada", NOON + timedelta(days=1), type="buy")])
    store_all(globex.id, [event(f"g{n}", NOON + timedelta(days=n % 3)) for n in range(9)])
    return acme


def test_the_answer_has_the_documented_form(both: Tenant) -> None:
    answer = both.get("/api/lifecycle", range=DAYS)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found.pop("asOf").endswith("Z")
    first = {"new": 2, "returning": 0, "resurrecting": 0, "dormant": 0, "inProgress": False}
    second = {"new": 0, "returning": 1, "resurrecting": 0, "dormant": 1, "inProgress": False}
    third = {"new": 1, "returning": 1, "resurrecting": 1, "dormant": 0, "inProgress": False}
    assert found == {
        "period": "day",
        "range": {"from": "2025-06-02T00:00:00Z", "to": "2025-06-05T00:00:00Z"},
        "tz": "UTC",
        "periods": [
            {"start": f"2025-06-0{day}T00:00:00Z"} | counts
            for day, counts in ((2, first), (3, second), (4, third))
        ],
        "source": "rollup_users_1d",
        "historyFrom": None,
        "cached": False,
    }
    assert answer["Cache-Control"].startswith("private")


def test_periods_are_whole_ones_of_the_zone(both: Tenant) -> None:
    found = both.get("/api/lifecycle", range="2025-06-04/2025-06-05", period="week", tz="Asia/Kolkata").json()
    assert found["range"] == {"from": "2025-06-02T00:00:00+05:30", "to": "2025-06-09T00:00:00+05:30"}
    assert [(one["start"], one["new"]) for one in found["periods"]] == [("2025-06-02T00:00:00+05:30", 3)]


def test_a_type_decides_who_came(both: Tenant) -> None:
    found = both.get("/api/lifecycle", range=DAYS, type="buy").json()
    assert [one["new"] for one in found["periods"]] == [0, 1, 0]
    assert found["source"] == "event"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"period": "hour"}, "period"),
        ({"period": ["day", "week"]}, "period"),
        ({"range": "forever"}, "range"),
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"filter": "x"}, "filter"),
        ({"type": ""}, "type"),
        ({"type": ["x"] * 51}, "type"),
        ({"segment": "none"}, "segment"),
        ({"metric": "count"}, "metric"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(
    acme: Tenant, query: dict[str, Any], field: str
) -> None:
    answer = acme.get("/api/lifecycle", **query)
    assert answer.status_code == 400, answer.content
    assert [one["field"] for one in answer.json()["errors"]] == [field]
