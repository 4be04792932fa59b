"""GET /api/metrics: the answer's form, its refusals, and whose events it counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches

from config.lib import clock
from tests.support.pipeline import NOON, append, event, process_all, store_all
from tests.support.tenants import Tenant

DAY = "2025-06-02/2025-06-03"


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with five events of three users, globex with many more."""
    moments = [0, 1, 70, 70, 80]
    kinds = ["view", "view", "order", "view", "order"]
    sent = [
        event(
            f"u{n % 3}",
            NOON + timedelta(minutes=minute),
            type=kind,
            amount=n,
            country="DE" if n % 2 else "FR",
        )
        for n, (minute, kind) in enumerate(zip(moments, kinds, strict=True))
    ]
    store_all(acme.id, sent)
    store_all(globex.id, [event(f"v{n}", NOON, type="foreign", amount=1000) for n in range(50)])
    return acme


def ask(tenant: Tenant, **query: Any) -> dict[str, Any]:
    answer = tenant.get("/api/metrics", **({"range": DAY, "step": "1d"} | query))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def totals(answer: dict[str, Any]) -> dict[str, Any]:
    return {"/".join(str(part) for part in one["group"].values()): one["total"] for one in answer["series"]}


def test_the_answer_has_the_documented_form(both: Tenant) -> None:
    answer = ask(both, metric="count", step="1h", range="2025-06-02T12:00:00Z/2025-06-02T15:00:00Z")
    assert answer.pop("asOf").endswith("Z")
    assert answer == {
        "metric": "count",
        "range": {"from": "2025-06-02T12:00:00Z", "to": "2025-06-02T15:00:00Z"},
        "step": "1h",
        "tz": "UTC",
        "series": [
            {
                "group": {},
                "total": 5,
                "points": [
                    ["2025-06-02T12:00:00Z", 2],
                    ["2025-06-02T13:00:00Z", 3],
                    ["2025-06-02T14:00:00Z", 0],
                ],
            }
        ],
        "source": "rollup_events_1h",
        "accuracy": None,
        "cached": False,
    }


def test_bucket_starts_carry_the_offset_of_the_zone(both: Tenant) -> None:
    answer = ask(both, metric="count", tz="Asia/Kolkata")
    assert answer["series"][0]["points"] == [["2025-06-02T00:00:00+05:30", 5]]


@pytest.mark.parametrize(
    ("metric", "total"),
    [("count", 5), ("users", 3), ("sessions", 5), ("sum:props.amount", 10), ("avg:props.amount", 2),
     ("min:props.amount", 0), ("max:props.amount", 4), ("p50:props.amount", 2), ("sum:props.none", 0),
     ("avg:props.none", None)],
)  # fmt: skip
def test_every_measure_counts_only_the_keys_project(both: Tenant, metric: str, total: float | None) -> None:
    assert totals(ask(both, metric=metric)) == {"": total}


@pytest.mark.parametrize("group", ["type", "props.country"])
def test_groups_are_only_those_of_the_keys_project(both: Tenant, group: str) -> None:
    expected = {"type": {"view": 3, "order": 2}, "props.country": {"FR": 3, "DE": 2}}
    assert totals(ask(both, metric="count", groupBy=group)) == expected[group]


def test_two_groupings_and_a_group_without_a_value(both: Tenant) -> None:
    answer = ask(both, metric="count", groupBy=["type", "props.none"])
    assert [one["group"] for one in answer["series"]] == [
        {"type": "view", "props.none": None},
        {"type": "order", "props.none": None},
    ]


def test_groups_beyond_the_limit_are_summed_as_other(both: Tenant) -> None:
    answer = ask(both, metric="count", groupBy="props.amount", limit=2)
    assert sum(totals(answer).values()) == 5
    assert answer["series"][-1]["group"] == {"props.amount": "other"}
    assert answer["series"][-1]["total"] == 3
    assert [one.get("rest", False) for one in answer["series"]] == [False, False, True]


def test_a_sum_that_json_cannot_carry_is_no_part_of_a_smaller_one(acme: Tenant) -> None:
    store_all(acme.id, [event(path="/a", x=1), event(path="/b", x=2)])
    store_all(acme.id, [event(f"u{n}", path="/zz", x=1.7e308) for n in range(2)])
    answer = ask(acme, metric="sum:props.x", groupBy="props.path", limit=1)
    assert [(one["group"], one["total"]) for one in answer["series"]] == [
        ({"props.path": "/b"}, 2),
        ({"props.path": "other"}, None),
    ]


def test_types_and_filters_narrow_the_question(both: Tenant) -> None:
    assert totals(ask(both, metric="count", type=["order", "none"])) == {"": 2}
    assert totals(ask(both, metric="count", filter=["props.country:eq:DE", "props.amount:gt:1"])) == {"": 1}
    assert totals(ask(both, metric="users", type="order")) == {"": 2}


def test_an_empty_range_has_zeros(both: Tenant) -> None:
    answer = ask(both, metric="count", range="2020-01-01/2020-01-03")
    assert answer["series"][0]["points"] == [["2020-01-01T00:00:00Z", 0], ["2020-01-02T00:00:00Z", 0]]


def test_a_grouped_question_about_nothing_has_no_series(both: Tenant) -> None:
    assert ask(both, metric="count", range="2020-01-01/2020-01-03", groupBy="type")["series"] == []


def test_the_range_is_half_open(both: Tenant) -> None:
    assert totals(ask(both, metric="count", range="2025-06-02T12:00:00Z/2025-06-02T13:10:00Z")) == {"": 2}


def test_the_cache_never_crosses_tenants(acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event("u1")])
    assert totals(ask(acme, metric="count")) == {"": 1}
    second = ask(globex, metric="count")
    assert (totals(second), second["cached"]) == ({"": 0}, False)


def test_a_late_event_shows_once_the_kept_answer_has_passed(acme: Tenant) -> None:
    days = {"range": "7d", "step": "1d"}
    assert totals(ask(acme, metric="count", **days)) == {"": 0}
    append(acme.id, [event("late", clock.now() - timedelta(days=2))])
    process_all()
    assert ask(acme, metric="count", **days)["cached"] is True
    caches["answers"].clear()
    assert totals(ask(acme, metric="count", **days)) == {"": 1}


def test_an_event_older_than_any_that_was_expected_shows_at_once(both: Tenant, globex: Tenant) -> None:
    assert totals(ask(both, metric="count")) == {"": 5}
    assert totals(ask(globex, metric="count")) == {"": 50}
    append(both.id, [event("imported")])
    process_all()
    assert totals(ask(both, metric="count")) == {"": 6}
    assert ask(globex, metric="count")["cached"] is True


def test_as_of_is_when_the_oldest_waiting_batch_came(both: Tenant) -> None:
    append(both.id, [event("waiting")])
    first = ask(both, metric="count")["asOf"]
    assert ask(both, metric="users")["asOf"] == first


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"metric": "nope"},
        {"metric": "sum"},
        {"metric": "sum:amount"},
        {"metric": "sum:props."},
        {"metric": ["count", "users"]},
        {"metric": "count", "range": "forever"},
        {"metric": "count", "range": "0h"},
        {"metric": "count", "range": "-1h"},
        {"metric": "count", "range": "1e3h"},
        {"metric": "count", "range": "2025-06-03/2025-06-02"},
        {"metric": "count", "range": "2025-06-02/2025-06-02"},
        {"metric": "count", "range": "2025-02-30/2025-03-01"},
        {"metric": "count", "range": "0001-01-01/9999-12-31"},
        {"metric": "count", "range": "9999-12-31T23:00:00-05:00/9999-12-31T23:30:00-05:00"},
        {"metric": "count", "range": "2025-06-02/2025-06-03/2025-06-04"},
        {"metric": "count", "step": "2h"},
        {"metric": "count", "step": "0"},
        {"metric": "count", "tz": "Mars/Olympus"},
        {"metric": "count", "tz": "../../etc/passwd"},
        {"metric": "count", "tz": "/etc/localtime"},
        {"metric": "count", "groupBy": "userId"},
        {"metric": "count", "groupBy": ["type", "props.a", "props.b"]},
        {"metric": "count", "filter": "a:eq:1"},
        {"metric": "count", "filter": "props.a:like:x"},
        {"metric": "count", "filter": "props.a:gt:NaN"},
        {"metric": "count", "filter": "props.a:gt:1e999"},
        {"metric": "count", "filter": "props.a:eq"},
        {"metric": "count", "compare": "x"},
        {"metric": "count", "compare": ["previous", "previous"]},
        {"metric": "count", "explain": "maybe"},
        {"metric": "count", "segment": "nobody"},
        {"metric": "undefined_metric"},
        {"metric": "count", "limit": "0"},
        {"metric": "count", "limit": "1001"},
        {"metric": "count", "limit": "ten"},
        {"metric": "count\x00"},
        {"metric": "count", "type": "a\x00"},
    ],
)
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, Any]) -> None:
    answer = acme.get("/api/metrics", **query)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "bad_question"


@pytest.mark.parametrize(
    ("range_", "step", "fits"), [("8d", "1m", "5m"), ("3660d", "5m", "1d"), ("3660d", "1h", "1d")]
)
def test_too_many_points_are_refused_with_the_step_that_fits(
    acme: Tenant, range_: str, step: str, fits: str
) -> None:
    answer = acme.get("/api/metrics", metric="count", range=range_, step=step)
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_points")
    assert f"step={fits} " in answer.json()["message"]
    assert acme.get("/api/metrics", metric="count", range=range_, step=fits).status_code == 200


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a%sb", "a{b}", "a:b", "%(p)s", "☃", "a\\b"])
def test_property_names_are_only_names(acme: Tenant, name: str) -> None:
    store_all(acme.id, [event("u1", **{name: 5})])
    assert totals(ask(acme, metric=f"sum:props.{name}")) == {"": 5}
    assert totals(ask(acme, metric="count", groupBy=f"props.{name}")) == {"5": 1}


def test_a_sum_too_large_for_json_is_null(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", v=1.7e308), event("u1", v=1.7e308)])
    assert totals(ask(acme, metric="sum:props.v")) == {"": None}


@pytest.mark.parametrize("range_", ["24h", "7d", "90d", "today", "yesterday", "mtd", "15m", "2w"])
@pytest.mark.parametrize("step", ["auto", "1d"])
def test_named_and_relative_ranges_are_understood(acme: Tenant, range_: str, step: str) -> None:
    assert ask(acme, metric="count", range=range_, step=step, tz="Europe/Berlin")["series"][0]["total"] == 0
