"""Questions that once broke something: each gets an answer or a 400, never a 5xx."""

from __future__ import annotations

import pytest

from metrics.query import ask
from tests.support.pipeline import NOON, event, process_all, store_all
from tests.support.tenants import Tenant


@pytest.mark.parametrize(
    "zone", ["localtime", "posixrules", "right/UTC", "posix/Europe/Berlin", "../etc/passwd", ""]
)
def test_only_iana_names_are_time_zones(acme: Tenant, zone: str) -> None:
    answer = acme.get("/api/metrics", metric="count", range="7d", step="1d", tz=zone)
    assert answer.status_code == (200 if zone == "" else 400)


@pytest.mark.parametrize(
    "condition",
    ["gt:1e-20000", "lt:1e400", "eq:1e-400000", "in:1,1e-99999", "eq:9e999999999", "gt:nan", "gt:0x10"],
)
def test_numbers_out_of_range_are_no_server_error(acme: Tenant, condition: str) -> None:
    answer = acme.get("/api/metrics", metric="count", range="24h", filter=f"props.n:{condition}")
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    "zone", ["Africa/Casablanca", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"]
)
def test_every_event_is_in_some_bucket_whatever_the_zone(acme: Tenant, zone: str) -> None:
    store_all(acme.id, [event("u1", NOON.replace(month=month)) for month in range(1, 13)])
    span = "2024-12-31/2026-01-02"
    answer = acme.get("/api/metrics", metric="count", range=span, step="1d", tz=zone).json()
    (series,) = answer["series"]
    assert series["total"] == sum(value for _, value in series["points"]) == 12


def test_an_answer_of_too_many_points_is_refused(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "_MAX_POINTS", 50)
    store_all(acme.id, [event("u1", type=name) for name in ("a", "b", "c")])
    span = "2025-06-02/2025-06-03"
    answer = acme.get("/api/metrics", metric="count", range=span, step="1h", groupBy="type")
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_points")


@pytest.mark.parametrize(
    "span",
    [
        "9999-12-01/9999-12-31T23:59",
        "0001-01-01T00:00Z/0001-02-01T00:00Z",
        "1969-12-31/1970-01-02",
        "2200-12-31/2201-01-02",
    ],
)
@pytest.mark.parametrize("path", ["/api/metrics", "/api/sessions", "/api/events"])
def test_ranges_at_the_ends_of_the_calendar_are_refused(acme: Tenant, path: str, span: str) -> None:
    answer = acme.get(path, metric="count", range=span, tz="America/New_York")
    assert answer.status_code == 400


def test_an_event_is_found_by_the_id_that_was_sent(acme: Tenant) -> None:
    sent = ["01A20625-32F2-775F-A49F-7B45F90B6121", "order 7"]
    acme.send([{"type": "a", "userId": "u", "eventId": one} for one in sent])
    process_all()
    assert [acme.get(f"/api/events/{one}").status_code for one in sent] == [200, 200]
