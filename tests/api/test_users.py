"""GET /api/users: one person under all ids, and lists of people by their traits; only the key's project."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.pipeline import NOON, append, event, process_all, store_all
from tests.support.tenants import Tenant


def identify(user: str, anonymous: str | None = None, hours: float = 0, **traits: Any) -> dict[str, Any]:
    made = event(user, NOON + timedelta(hours=hours), type="identify", **traits)
    return made | {"anonymousId": anonymous} if anonymous else made


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> tuple[Tenant, Tenant]:
    """Each tenant's ada browsed as a1, was identified, and has a trait of her own."""
    for tenant in (acme, globex):
        events = [event("a1", path="/"), identify("ada", "a1", 2, plan="pro", of=tenant.slug)]
        store_all(tenant.id, [*events, event("bob", NOON + timedelta(hours=1))])
    return acme, globex


def person(tenant: Tenant, user: str) -> dict[str, Any]:
    answer = tenant.get(f"/api/users/{quote(user, safe='')}")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def listed(tenant: Tenant, **query: Any) -> list[str]:
    answer = tenant.get("/api/users", **query)
    assert answer.status_code == 200, answer.content
    return [one["userId"] for one in answer.json()["users"]]


@pytest.mark.parametrize("user", ["ada", "a1"])
def test_a_person_is_one_under_all_ids(both: tuple[Tenant, Tenant], user: str) -> None:
    at = "2025-06-02T14:00:00Z"
    for tenant in both:
        assert person(tenant, user) == {
            "userId": "ada",
            "ids": ["ada", "a1"],
            "firstSeen": "2025-06-02T12:00:00Z",
            "lastSeen": at,
            "events": 2,
            "sessions": 2,
            "traits": {"plan": {"value": "pro", "at": at}, "of": {"value": tenant.slug, "at": at}},
        }


def test_somebody_without_traits_has_a_profile(both: tuple[Tenant, Tenant]) -> None:
    found = person(both[0], "bob")
    assert (found["ids"], found["traits"], found["events"]) == (["bob"], {}, 1)


def test_who_was_just_seen_has_no_sessions_yet(acme: Tenant) -> None:
    append(acme.id, [event("ada")])
    process_all()
    found = person(acme, "ada")
    assert (found["firstSeen"], found["lastSeen"], found["sessions"]) == (None, None, 0)


@pytest.mark.parametrize("user", ["a/b", "a b", "ünï 🙂", "?x#y%2f", "..", "%"])
def test_any_id_can_be_asked_for(acme: Tenant, globex: Tenant, user: str) -> None:
    store_all(acme.id, [event(user)])
    assert person(acme, user)["userId"] == user
    assert globex.get(f"/api/users/{quote(user, safe='')}").status_code == 404


@pytest.mark.parametrize("user", ["a\nb", "a//b", "../../dlq", ".", "a/", "%2f", "a\u2028b", "ada"])
def test_a_parameter_names_any_id(acme: Tenant, globex: Tenant, user: str) -> None:
    store_all(acme.id, [event(user)])
    assert listed(acme, userId=user) == [user]
    assert listed(globex, userId=user) == []


def test_a_parameter_names_the_person_by_any_id(both: tuple[Tenant, Tenant]) -> None:
    for tenant in both:
        (found,) = tenant.get("/api/users", userId="a1").json()["users"]
        assert found == person(tenant, "ada")


@pytest.mark.parametrize("length", [256, 10_000])
@pytest.mark.parametrize("letter", ["x", "ü", "/", "%"])
def test_a_long_id_is_nobody(both: tuple[Tenant, Tenant], letter: str, length: int) -> None:
    assert both[0].get(f"/api/users/{quote(letter * length, safe='')}").status_code == 404
    assert listed(both[0], userId=letter * length) == []


@pytest.mark.parametrize("user", ["nobody", "a%00b", "%FF"])
def test_a_stranger_is_not_found(both: tuple[Tenant, Tenant], user: str) -> None:
    assert both[0].get(f"/api/users/{user}").status_code == 404


def test_of_several_ids_the_last_word_counts(acme: Tenant) -> None:
    store_all(acme.id, [identify("a1", None, 5, plan="late"), identify("ada", "a1", 1, plan="early", n=1)])
    traits = person(acme, "ada")["traits"]
    assert {name: one["value"] for name, one in traits.items()} == {"plan": "late", "n": 1}


def test_a_trait_set_to_null_is_gone(acme: Tenant) -> None:
    store_all(acme.id, [identify("ada", None, 1, plan="pro"), identify("ada", None, 2, plan=None)])
    assert person(acme, "ada")["traits"] == {}
    assert listed(acme, trait="plan:exists") == []
    assert listed(acme, trait="plan:ne:pro") == ["ada"]


def test_events_and_sessions_of_a_person_are_those_of_all_ids(both: tuple[Tenant, Tenant]) -> None:
    for tenant in both:
        for user in ("ada", "a1"):
            day = "2025-06-02/2025-06-03"
            events = tenant.get("/api/events", userId=user, range=day).json()["events"]
            assert [one["userId"] for one in events] == ["ada", "a1"]
            sessions = tenant.get("/api/sessions", userId=user, range=day).json()["sessions"]
            assert [one["userId"] for one in sessions] == ["ada", "a1"]


@pytest.mark.parametrize(
    ("path", "name", "key"), [("events", "events", "eventId"), ("sessions", "sessions", "sessionId")]
)
def test_a_persons_pages_join_to_the_whole(acme: Tenant, path: str, name: str, key: str) -> None:
    sent = [event(f"a{n % 3}", NOON + timedelta(hours=n // 3)) for n in range(12)]
    store_all(acme.id, [*sent, *(identify("ada", f"a{n}", 6) for n in range(3))])
    day = "2025-06-02/2025-06-03"
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = acme.get(f"/api/{path}", userId="ada", range=day, limit=2, cursor=cursor).json()
        found += [one[key] for one in page[name]]
        cursor = page["nextCursor"]
    whole = acme.get(f"/api/{path}", userId="ada", range=day).json()[name]
    assert found == [one[key] for one in whole]
    assert len(set(found)) == (15 if path == "events" else 13)


def test_people_are_listed_once_by_their_id(both: tuple[Tenant, Tenant]) -> None:
    for tenant in both:
        assert listed(tenant) == ["ada", "bob"]
        assert listed(tenant, trait=f"of:eq:{tenant.slug}") == ["ada"]
    assert listed(both[0], trait="of:eq:globex") == []


@pytest.mark.parametrize(
    ("traits", "people"),
    [
        (["plan:eq:pro"], ["u0", "u2", "u4"]),
        (["plan:ne:pro"], ["u1", "u3", "u5", "zoe"]),
        (["plan:exists:false"], ["zoe"]),
        (["plan:exists"], ["u0", "u1", "u2", "u3", "u4", "u5"]),
        (["plan:in:pro,free", "seats:gte:3"], ["u3", "u4", "u5"]),
        (["seats:eq:3.0"], ["u3"]),
        (["plan:contains:re", "seats:lt:3"], ["u1"]),
        (["a:b:eq:c"], ["zoe"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 50])
def test_people_by_their_traits(acme: Tenant, traits: list[str], people: list[str], limit: int) -> None:
    events = [identify(f"u{n}", None, 0, plan=("pro", "free")[n % 2], seats=n) for n in range(6)]
    store_all(acme.id, [*events, identify("zoe", None, 0, **{"a:b": "c"})])
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = acme.get("/api/users", trait=traits, limit=limit, cursor=cursor).json()
        found += [one["userId"] for one in page["users"]]
        cursor = page["nextCursor"]
    assert found == people


@pytest.mark.parametrize(
    "query",
    [
        {"trait": "plan"}, {"trait": "plan:like:x"}, {"trait": "seats:gt:many"}, {"trait": ["a:exists"] * 21},
        {"trait": "a\x00:eq:b"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": "AA=="},
        {"cursor": ["a", "b"]}, {"userId": "a\x00"}, {"userId": ["a", "b"]}, {"userId": "a", "limit": "5"},
        {"userId": "a", "trait": "plan:exists"}, {"traits": "plan:eq:pro"}, {"segment": "none"},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, Any]) -> None:
    assert acme.get("/api/users", **query).status_code == 400


@pytest.mark.parametrize("query", [{"limit": "5"}, {"userId": "bob"}, {"x": "\x00"}])
def test_one_person_takes_no_such_parameter(both: tuple[Tenant, Tenant], query: dict[str, Any]) -> None:
    assert both[0].get("/api/users/ada", **query).status_code == 400


def test_a_write_key_reads_nobody(acme: Tenant) -> None:
    for path in ("/api/users", "/api/users/ada", "/api/catalogue", "/api/catalogue/a"):
        assert Tenant(acme.id, acme.slug, "", acme.write_key).get(path).status_code == 403
