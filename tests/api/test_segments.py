"""/api/segments: who may read and who may change; sizes, people, files and lists; bad input."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config import engine
from events.erase import erase_user
from events.models import Membership
from events.purge import purge_project
from tests.support.pipeline import process_all, rows
from tests.support.tenants import Tenant

BUYERS: dict[str, Any] = {"did": "buy"}
JSON = "application/json"


@pytest.fixture
def shop(acme: Tenant, globex: Tenant) -> Tenant:
    """acme's ann and bob looked, bob and =cyd bought; globex's dan bought."""
    acme.send([{"type": kind, "userId": user} for kind, user in
               [("view", "ann"), ("view", "bob"), ("buy", "bob"), ("buy", "=cyd")]])  # fmt: skip
    globex.send([{"type": "buy", "userId": "dan"}])
    process_all()
    return acme


def member(tenant: Tenant, name: str = "") -> Client:
    user, _ = User.objects.get_or_create(username=name or f"eve-{tenant.slug}")
    Membership.objects.get_or_create(project_id=tenant.id, user=user, defaults={"role": "admin"})
    client = Client()
    client.force_login(user)
    return client


def create(tenant: Tenant, name: str = "buyers", **fields: Any) -> Any:
    body = {"name": name} | (fields or {"rules": BUYERS})
    return member(tenant).post("/api/segments", json.dumps(body), JSON)


def people(tenant: Tenant, name: str = "buyers", **query: Any) -> list[str]:
    answer = tenant.get(f"/api/segments/{name}/users", **query).json()
    return [one["userId"] for one in answer["users"]]


def fields_of(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [one["field"] for one in answer.json()["errors"]]


# --- by rules -------------------------------------------------------------------------------------------------


def test_a_segment_is_saved_listed_sized_and_deleted(shop: Tenant) -> None:
    made = create(shop)
    assert made.status_code == 201, made.content
    assert made.json().items() >= {"name": "buyers", "kind": "rules", "createdBy": "eve-acme"}.items()
    assert shop.get("/api/segments/buyers").json() == made.json()
    assert shop.get("/api/segments").json() == {"segments": [made.json()], "nextCursor": None}
    assert shop.get("/api/segments/buyers/size").json()["size"] == 2
    assert people(shop) == ["=cyd", "bob"]
    assert member(shop).delete("/api/segments/buyers").status_code == 204
    assert shop.get("/api/segments/buyers").status_code == 404


def test_rules_are_replaced_and_sizes_follow_at_once(shop: Tenant) -> None:
    create(shop)
    assert shop.get("/api/segments/buyers/size").json()["size"] == 2
    rules = {"all": [BUYERS, {"not": {"did": {"type": ["view"]}, "within": "30d"}}]}
    changed = member(shop).put("/api/segments/buyers", json.dumps({"rules": rules}), JSON)
    assert changed.status_code == 200, changed.content
    assert changed.json()["rules"]["all"][0] == {"did": {"type": ["buy"], "filters": []}, "atLeast": 1}
    assert people(shop) == ["=cyd"]


def test_a_preview_counts_and_saves_nothing(shop: Tenant) -> None:
    asked = json.dumps({"rules": {"not": BUYERS}})
    by_key = Client().post("/api/segments/preview", asked, JSON, HTTP_X_API_KEY=shop.read_key)
    assert (by_key.status_code, by_key.json()["size"]) == (200, 1)
    assert member(shop).post("/api/segments/preview", asked, JSON).json()["size"] == 1
    assert shop.get("/api/segments").json()["segments"] == []


def test_segments_are_paged_by_name(shop: Tenant) -> None:
    for name in ("c", "a", "b-2", "b_1"):
        create(shop, name)
    first = shop.get("/api/segments", limit=3).json()
    rest = shop.get("/api/segments", limit=3, cursor=first["nextCursor"]).json()
    names = [one["name"] for one in first["segments"] + rest["segments"]]
    assert (sorted(names), rest["nextCursor"]) == (["a", "b-2", "b_1", "c"], None)


def test_a_size_that_is_known_is_not_sent_again(shop: Tenant) -> None:
    create(shop)
    first = shop.get("/api/segments/buyers/size")
    key = {"HTTP_AUTHORIZATION": f"Bearer {shop.read_key}"}
    again = Client().get("/api/segments/buyers/size", HTTP_IF_NONE_MATCH=first["ETag"], **key)
    assert (again.status_code, again.content) == (304, b"")


# --- people and files -----------------------------------------------------------------------------------------


def test_people_come_in_pages(shop: Tenant) -> None:
    create(shop, rules={"did": {}})
    page = shop.get("/api/segments/buyers/users", limit=2).json()
    assert [one["userId"] for one in page["users"]] == ["=cyd", "ann"]
    assert people(shop, limit=2, cursor=page["nextCursor"]) == ["bob"]


@pytest.mark.parametrize("by", ["format", "accept"])
def test_a_file_is_safe_in_a_spreadsheet(shop: Tenant, by: str) -> None:
    create(shop)
    headers = {"HTTP_AUTHORIZATION": f"Bearer {shop.read_key}"}
    query = {"format": "csv"} if by == "format" else {}
    headers |= {"HTTP_ACCEPT": "text/csv"} if by == "accept" else {}
    answer = Client().get("/api/segments/buyers/users", query, **headers)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="buyers.csv"'
    assert b"".join(answer.streaming_content) == b"userId\n'=cyd\nbob\n"


ODD = ["=1", "+1", "-1", "@a", "'=1", "''@", "'plain", 'quote"d', "a,b", "two\nlines", "ünï", "\\.", "userid"]


def test_a_file_that_is_uploaded_again_lists_the_same_people(shop: Tenant) -> None:
    create(shop, "one", users=ODD)
    create(shop, "two", users=[])
    headers = {"HTTP_X_API_KEY": shop.read_key, "HTTP_ACCEPT": "text/csv"}
    file = b"".join(Client().get("/api/segments/one/users", **headers).streaming_content)
    cells = file.decode().splitlines()
    assert not any(cell.startswith(("=", "+", "-", "@", '"=', '"+')) for cell in cells)
    assert member(shop).put("/api/segments/two/users", file, "text/csv").json() == {"listed": len(ODD)}
    assert people(shop, "two") == people(shop, "one") == sorted(ODD)


# --- lists ----------------------------------------------------------------------------------------------------


def test_a_list_is_replaced_and_added_to(shop: Tenant) -> None:
    made = create(shop, "vips", kind="static", users=["ann", "zoe"]).json()
    assert (made["kind"], made["rules"]) == ("static", None)
    client = member(shop)
    assert client.post("/api/segments/vips/users", '["bob", "ann"]', JSON).json() == {"listed": 3}
    assert people(shop, "vips") == ["ann", "bob", "zoe"]
    assert client.put("/api/segments/vips/users", b"user_id\nbob\n", "text/csv").json() == {"listed": 1}
    assert people(shop, "vips") == ["bob"]
    assert client.put("/api/segments/vips/users", '{"users": []}', JSON).json() == {"listed": 0}
    assert people(shop, "vips") == []


def test_nothing_of_a_bad_list_is_taken(shop: Tenant) -> None:
    create(shop, "vips", users=["ann"])
    client = member(shop)
    assert fields_of(client.put("/api/segments/vips/users", '["bob", null]', JSON)) == ["users[1]"]
    assert fields_of(client.post("/api/segments/vips/users", b"bob\n" + b"x" * 300, "text/csv")) == ["line 2"]
    assert client.put("/api/segments/vips/users", b"\xff", "text/csv").status_code == 400
    assert client.put("/api/segments/vips/users", b"a", "text/plain").status_code == 415
    assert people(shop, "vips") == ["ann"]


def test_a_list_stays_within_its_bounds(shop: Tenant, settings: Any) -> None:
    create(shop, "vips")
    create(shop, "list", users=["ann"])
    settings.MAX_REQUEST_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client = member(shop)
    assert client.put("/api/segments/list/users", b"x\n" * 501, "text/csv").status_code == 413
    assert client.put("/api/segments/list/users", json.dumps(["x" * 1000]), JSON).status_code == 413
    assert client.put("/api/segments/vips/users", '["ann"]', JSON).status_code == 400
    assert client.put("/api/segments/list", json.dumps({"rules": BUYERS}), JSON).status_code == 400


def test_a_list_that_grows_too_long_stays_as_it_was(shop: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    create(shop, "vips", users=["ann", "bob"])
    monkeypatch.setattr("metrics.segments.services.MOST_USERS", 2)
    assert fields_of(member(shop).post("/api/segments/vips/users", '["zoe"]', JSON)) == ["users"]
    assert people(shop, "vips") == ["ann", "bob"]


# --- who may --------------------------------------------------------------------------------------------------


def changes(name: str = "buyers") -> list[tuple[str, str, str]]:
    rules = json.dumps({"rules": BUYERS})
    return [
        ("POST", "/api/segments", json.dumps({"name": "new", "rules": BUYERS})),
        ("PUT", f"/api/segments/{name}", rules),
        ("DELETE", f"/api/segments/{name}", ""),
        ("PUT", f"/api/segments/{name}/users", "[]"),
        ("POST", f"/api/segments/{name}/users", "[]"),
    ]


@pytest.mark.parametrize("key", ["read_key", "write_key", None])
def test_no_key_changes_anything(shop: Tenant, key: str | None) -> None:
    create(shop)
    headers = {"HTTP_AUTHORIZATION": f"Bearer {getattr(shop, key)}"} if key else {}
    for method, path, body in changes():
        answer = Client().generic(method, path, body, JSON, **headers)
        assert answer.status_code in (401, 403), (method, path)
    assert [one["name"] for one in shop.get("/api/segments").json()["segments"]] == ["buyers"]


def test_a_login_needs_the_csrf_token(shop: Tenant) -> None:
    create(shop)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = member(shop).cookies
    preview = ("POST", "/api/segments/preview", json.dumps({"rules": BUYERS}))
    for method, path, body in [*changes(), preview]:
        assert strict.generic(method, path, body, JSON).status_code == 403, (method, path)


def test_a_member_of_another_project_finds_nothing(shop: Tenant, globex: Tenant) -> None:
    create(shop)
    other = member(globex, "mallory")
    for method, path, body in changes()[1:]:
        for query in ("", f"?project={shop.slug}"):
            assert other.generic(method, path + query, body, JSON).status_code == 404, (method, path)
    for path in ("", "/size", "/users"):
        assert globex.get(f"/api/segments/buyers{path}").status_code == 404
    assert globex.get("/api/segments").json()["segments"] == []
    assert people(shop) == ["=cyd", "bob"]


def test_two_projects_may_use_one_name_for_their_own_people(shop: Tenant, globex: Tenant) -> None:
    assert [create(tenant).status_code for tenant in (shop, globex, shop)] == [201, 201, 409]
    assert (people(shop), people(globex)) == (["=cyd", "bob"], ["dan"])


def test_a_write_key_reads_nothing(shop: Tenant) -> None:
    for path in ("/api/segments", "/api/segments/buyers", "/api/segments/buyers/users"):
        assert Client().get(path, HTTP_X_API_KEY=shop.write_key).status_code == 403


# --- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Buyers", "rules": BUYERS}, "name"),
        ({"name": "", "rules": BUYERS}, "name"),
        ({"name": "preview", "rules": BUYERS}, "name"),
        ({"name": "a" * 64, "rules": BUYERS}, "name"),
        ({"name": 5, "rules": BUYERS}, "name"),
        ({"rules": BUYERS}, "name"),
        ({"name": "x"}, "rules"),
        ({"name": "x", "rules": None}, "rules"),
        (
            {"name": "x", "rules": {"all": [BUYERS, {"did": {"filters": ["x"]}}]}},
            "rules.all[1].did.filters[0]",
        ),
        ({"name": "x", "kind": "both", "rules": BUYERS}, "kind"),
        ({"name": "x", "kind": {}, "rules": BUYERS}, "kind"),
        ({"name": "x", "kind": "static", "rules": BUYERS}, "rules"),
        ({"name": "x", "rules": BUYERS, "users": []}, "users"),
        ({"name": "x", "users": [""]}, "users[0]"),
        ({"name": "x", "rules": BUYERS, "project": "globex"}, "project"),
        ([], "body"),
        ("x", "body"),
    ],
)
def test_a_bad_body_is_refused_with_its_place(shop: Tenant, body: Any, field: str) -> None:
    assert fields_of(member(shop).post("/api/segments", json.dumps(body), JSON)) == [field]
    assert shop.get("/api/segments").json()["segments"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b'{"rules": NaN}', b'{"rules": 1e999}', b"[" * 50_000, b'{"rules":' * 50_000,
        b'{"rules": {"did": "a", "did": "b"}}', b'{"rules": {"did": "\\u0000"}}', b'{"rules": {"did": "\\ud800"}}',
        b'{"\\ud800": 1}', b'{"rules": {"did": "a", "atLeast": ' + b"9" * 5000 + b"}}",
    ],
)  # fmt: skip
def test_what_is_no_plain_json_is_refused(shop: Tenant, body: bytes) -> None:
    answer = Client().post("/api/segments/preview", body, JSON, HTTP_X_API_KEY=shop.read_key)
    assert answer.status_code == 400, answer.content


@pytest.mark.parametrize("query", [
    {"limit": "abc"}, {"limit": "0"}, {"limit": "1001"}, {"cursor": "%%%"}, {"cursor": "AAAA"}, {"cursor": "\x00"},
    {"cursor": "MjAyNQ=="}, {"format": "xml"}, {"limit": ["1", "2"]},
])  # fmt: skip
def test_a_bad_parameter_is_refused(shop: Tenant, query: dict[str, Any]) -> None:
    create(shop)
    assert shop.get("/api/segments/buyers/users", **query).status_code == 400


@pytest.mark.parametrize("query", [
    {"limit": "abc"}, {"limit": "-1"}, {"cursor": "\x00"}, {"cursor": "AA=="}, {"cursor": "gICA"},
])  # fmt: skip
def test_a_bad_parameter_of_the_list_is_refused(shop: Tenant, query: dict[str, Any]) -> None:
    assert shop.get("/api/segments", **query).status_code == 400


@pytest.mark.parametrize(
    "name", ["-1", "99999999999999999999", "1", "1e3", "Buyers", "%00", "%EF%BF%BF", "a" * 5000]
)
def test_a_name_that_none_has_is_not_found(shop: Tenant, name: str) -> None:
    for path in ("", "/size", "/users"):
        assert shop.get(f"/api/segments/{name}{path}").status_code in (400, 404), path
    client = member(shop)
    for method, path, body in changes(name)[1:]:
        assert client.generic(method, path, body, JSON).status_code in (400, 404), (method, path)


def test_there_is_room_for_so_many_segments(shop: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrics.segments.services.MOST", 2)
    assert [create(shop, name).status_code for name in ("a", "b")] == [201, 201]
    refused = create(shop, "c")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_segments")
    member(shop).delete("/api/segments/a")
    assert create(shop, "c").status_code == 201


def test_what_was_just_changed_is_read_where_it_was_changed(
    shop: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that has not replayed it yet would know nothing of it."""
    create(shop)
    monkeypatch.setattr("metrics.segments.selectors.reading", Mock(side_effect=AssertionError))
    assert shop.get("/api/segments/buyers").status_code == 200
    assert len(shop.get("/api/segments").json()["segments"]) == 1
    member(shop).delete("/api/segments/buyers")
    assert shop.get("/api/segments").json()["segments"] == []


def test_methods_that_an_address_does_not_know_are_405(shop: Tenant) -> None:
    client = member(shop)
    assert client.get("/api/segments/preview").status_code == 405
    assert client.delete("/api/segments").status_code == 405
    assert client.put("/api/segments/buyers/size", "{}", JSON).status_code == 405


# --- elsewhere ------------------------------------------------------------------------------------------------


def test_a_question_that_names_a_deleted_segment_is_refused(shop: Tenant) -> None:
    create(shop)
    asked = {"metric": "count", "segment": "buyers", "range": "24h"}
    assert shop.get("/api/metrics", **asked).json()["series"][0]["total"] == 3
    member(shop).delete("/api/segments/buyers")
    assert fields_of(shop.get("/api/metrics", **asked)) == ["segment"]


def test_an_erased_user_is_on_no_list(shop: Tenant, globex: Tenant) -> None:
    for tenant in (shop, globex):
        create(tenant, "vips", users=["ann", "bob"])
    erase_user(project_id=shop.id, user_id="ann", store=engine.store(), rollups=engine.rollups())
    assert (people(shop, "vips"), people(globex, "vips")) == (["bob"], ["ann", "bob"])


def test_a_removed_project_leaves_no_segment(shop: Tenant, globex: Tenant) -> None:
    for tenant in (shop, globex):
        create(tenant, "vips", users=["ann"])
    purge_project(shop.id, store=engine.store(), rollups=engine.rollups())
    assert rows("SELECT project_id FROM segment") == [(globex.id,)]
    assert rows("SELECT user_id FROM segment_member") == [("ann",)]


# --- in the admin ---------------------------------------------------------------------------------------------


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_the_admin_saves_changes_and_deletes_by_the_same_rules(shop: Tenant, operator: Client) -> None:
    new = {"project": shop.id, "name": "buyers", "rules": json.dumps(BUYERS)}
    assert operator.post("/admin/metrics/segment/add/", new).status_code == 302
    assert shop.get("/api/segments/buyers/size").json()["size"] == 2
    ((pk,),) = rows("SELECT id FROM segment")
    path = f"/admin/metrics/segment/{pk}"
    changed = {"rules": json.dumps({"did": "view"})}
    assert operator.post(f"{path}/change/", changed).status_code == 302
    assert people(shop) == ["ann", "bob"]
    assert operator.post(f"{path}/delete/", {"post": "yes"}).status_code == 302
    assert rows("SELECT count(*) FROM segment") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "Buyers"}, "a letter first"),
        ({"rules": '{"not": {}}'}, "rules.not"),
        ({"rules": "null"}, "rules"),
        ({"rules": "{"}, "valid JSON"),
    ],
)
def test_the_admin_refuses_what_rest_refuses(
    shop: Tenant, operator: Client, fields: dict[str, str], told: str
) -> None:
    new = {"project": shop.id, "name": "buyers", "rules": json.dumps(BUYERS)} | fields
    answer = operator.post("/admin/metrics/segment/add/", new)
    assert (answer.status_code, told in answer.content.decode()) == (200, True)
    assert rows("SELECT count(*) FROM segment") == [(0,)]


def test_the_admin_refuses_a_name_that_is_taken_and_leaves_lists_alone(
    shop: Tenant, operator: Client
) -> None:
    create(shop, "vips", users=["ann"])
    new = {"project": shop.id, "name": "vips", "rules": json.dumps(BUYERS)}
    assert operator.post("/admin/metrics/segment/add/", new).status_code == 200
    ((pk,),) = rows("SELECT id FROM segment")
    operator.post(f"/admin/metrics/segment/{pk}/change/", {"rules": json.dumps(BUYERS)})
    assert (rows("SELECT kind FROM segment"), people(shop, "vips")) == ([("static",)], ["ann"])
