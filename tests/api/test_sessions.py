"""GET /api/sessions: newest first, page by page, only the key's project."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

DAY = "2025-06-02/2025-06-03"


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme with 12 sessions of three users, some of them starting at one moment; globex with the same users."""
    for tenant in (acme, globex):
        starts = (NOON + timedelta(hours=n // 3) for n in range(12))
        sent = [event(f"u{n % 3}", ts, path=f"/{tenant.slug}/{n}") for n, ts in enumerate(starts)]
        store_all(tenant.id, sent)
    return acme


def sessions(tenant: Tenant, **query: Any) -> list[dict[str, Any]]:
    answer = tenant.get("/api/sessions", **({"range": DAY} | query))
    assert answer.status_code == 200, answer.content
    return list(answer.json()["sessions"])


def test_a_session_has_the_documented_fields(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", path="/in"), event("u1", NOON + timedelta(seconds=90), path="/out")])
    (found,) = sessions(acme)
    found.pop("sessionId")
    assert found == {
        "userId": "u1",
        "start": "2025-06-02T12:00:00Z",
        "end": "2025-06-02T12:01:30Z",
        "durationSeconds": 90.0,
        "events": 2,
        "entry": "/in",
        "exit": "/out",
    }


def test_only_the_keys_project_is_listed(both: Tenant) -> None:
    assert len(sessions(both)) == 12
    assert all(one["entry"].startswith("/acme/") for one in sessions(both))


def test_newest_first(both: Tenant) -> None:
    starts = [one["start"] for one in sessions(both)]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 1000])
def test_pages_join_to_the_whole_without_repeats(both: Tenant, limit: int) -> None:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = both.get("/api/sessions", range=DAY, limit=limit, cursor=cursor).json()
        assert len(page["sessions"]) <= limit
        found += [one["sessionId"] for one in page["sessions"]]
        cursor = page["nextCursor"]
    assert found == [one["sessionId"] for one in sessions(both)]
    assert len(set(found)) == 12


def test_one_users_sessions(both: Tenant) -> None:
    assert {one["userId"] for one in sessions(both, userId="u1")} == {"u1"}
    assert len(sessions(both, userId="u1")) == 4


@pytest.mark.parametrize("user", ["%", "*", "never-seen", "u_", "' OR 1=1 --"])
def test_a_user_id_is_no_pattern(both: Tenant, user: str) -> None:
    assert sessions(both, userId=user) == []


def test_a_session_belongs_to_the_range_it_starts_in(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", NOON - timedelta(minutes=5)), event("u1", NOON + timedelta(minutes=5))])
    assert len(sessions(acme, range="2025-06-02T11:55:00Z/2025-06-02T12:00:00Z")) == 1
    assert sessions(acme, range="2025-06-02T12:00:00Z/2025-06-02T13:00:00Z") == []


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


BAD_CURSORS = [
    "x",
    "gASVIAAAAAAAAACMBXBvc2l4",
    "ünïcode",
    encoded("nothing"),
    encoded("2025-06-02T12:00:00|6d0f2f2e-0000-4000-8000-000000000000"),
    encoded("2025-06-02T12:00:00+00:00|7"),
    encoded("infinity|6d0f2f2e-0000-4000-8000-000000000000"),
    encoded("2025-06-02T12:00:00+00:00|' OR 1=1"),
    "A" * 5000,
]


@pytest.mark.parametrize("path", ["/api/sessions", "/api/events"])
@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_that_is_not_ours_is_refused(acme: Tenant, path: str, cursor: str) -> None:
    answer = acme.get(path, cursor=cursor)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "bad_cursor"


@pytest.mark.parametrize(
    "cursor",
    [
        encoded("0001-01-01T00:00:00+14:00|6d0f2f2e-0000-4000-8000-000000000000"),
        encoded("9999-12-31T23:59:59.999999-12:00|6d0f2f2e-0000-4000-8000-000000000000"),
    ],
)
@pytest.mark.parametrize("path", ["/api/sessions", "/api/events"])
def test_a_cursor_at_the_end_of_time_is_no_server_error(acme: Tenant, path: str, cursor: str) -> None:
    assert acme.get(path, cursor=cursor).status_code in (200, 400)


def test_a_cursor_of_one_tenant_shows_another_nothing_of_it(both: Tenant, globex: Tenant) -> None:
    cursor = both.get("/api/sessions", range=DAY, limit=3).json()["nextCursor"]
    assert all(one["entry"].startswith("/globex/") for one in sessions(globex, cursor=cursor))


@pytest.mark.parametrize(
    "query",
    [
        {"range": "forever"},
        {"range": "2025-06-03/2025-06-02"},
        {"limit": "0"},
        {"limit": "1001"},
        {"userId": ["a", "b"]},
        {"userId": "a\x00b"},
        {"tz": "nowhere"},
    ],
)
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, Any]) -> None:
    assert acme.get("/api/sessions", **query).status_code == 400
