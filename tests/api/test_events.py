"""GET /api/events: stored events, newest first or by id, only the key's project."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

DAYS = "2025-06-02/2025-06-04"
KNOWN = str(uuid.uuid4())


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """The same 20 moments over two days in both projects, several events at one moment."""
    for tenant in (acme, globex):
        moments = (NOON + timedelta(hours=n // 4 * 6) for n in range(20))
        sent = [event(f"u{n % 2}", ts, type="ab"[n % 2], of=tenant.slug) for n, ts in enumerate(moments)]
        store_all(tenant.id, sent)
    return acme


def events(tenant: Tenant, **query: Any) -> list[dict[str, Any]]:
    answer = tenant.get("/api/events", **({"range": DAYS} | query))
    assert answer.status_code == 200, answer.content
    return list(answer.json()["events"])


def test_an_event_has_the_documented_fields(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", id=KNOWN, n=1)])
    (found,) = events(acme)
    assert found.pop("receivedAt").endswith("Z")
    assert found == {
        "eventId": KNOWN,
        "ts": "2025-06-02T12:00:00Z",
        "type": "page_view",
        "userId": "u1",
        "anonymousId": None,
        "props": {"n": 1},
        "sanitised": False,
    }


def test_only_the_keys_project_is_listed(both: Tenant) -> None:
    found = events(both, limit=1000)
    assert len(found) == 20
    assert {one["props"]["of"] for one in found} == {"acme"}


@pytest.mark.parametrize("limit", [1, 3, 7, 20])
def test_pages_join_to_the_whole_without_repeats(both: Tenant, limit: int) -> None:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = both.get("/api/events", range=DAYS, limit=limit, cursor=cursor).json()
        found += [one["eventId"] for one in page["events"]]
        cursor = page["nextCursor"]
    assert found == [one["eventId"] for one in events(both)]


def test_filters_by_user_and_type(both: Tenant) -> None:
    assert {one["userId"] for one in events(both, userId="u1")} == {"u1"}
    assert {one["type"] for one in events(both, type="a")} == {"a"}
    assert events(both, userId="u1", type="a") == []


def test_one_event_is_read_by_its_id_by_its_own_project_only(acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event("u1", id=KNOWN)])
    assert acme.get(f"/api/events/{KNOWN}").json()["eventId"] == KNOWN
    assert globex.get(f"/api/events/{KNOWN}").status_code == 404
    assert acme.get(f"/api/events/{uuid.uuid4()}").status_code == 404


def test_an_event_of_any_age_is_found_by_its_id(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", NOON - timedelta(days=900), id=KNOWN)])
    assert [one["eventId"] for one in acme.get("/api/events", eventId=KNOWN).json()["events"]] == [KNOWN]


def test_a_write_key_finds_only_a_way_in_here(acme: Tenant) -> None:
    from django.test import Client

    answer = Client().get("/api/events", HTTP_AUTHORIZATION=f"Bearer {acme.write_key}")
    assert answer.status_code in (403, 405)


@pytest.mark.parametrize(
    "query", [{"range": "x"}, {"limit": "0"}, {"eventId": ""}, {"eventId": "x" * 201}, {"type": "\x00"}]
)
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, str]) -> None:
    assert acme.get("/api/events", **query).status_code == 400


def test_a_replaced_character_shows(acme: Tenant) -> None:
    acme.send(b'{"type":"a","userId":"u\\u0000","eventId":"odd"}')
    store_all(acme.id, [])
    (found,) = acme.get("/api/events", eventId="odd").json()["events"]
    assert (found["userId"], found["sanitised"]) == ("u\ufffd", True)
