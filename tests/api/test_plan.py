"""/api/plan: who may read and who may change it, what it refuses, and what it tells of violations."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from events.gateway.auth import keys
from events.models import Membership, PlannedType
from events.plan import services
from tests.support.pipeline import process_all
from tests.support.planning import ORDER, order, plan, unlisted
from tests.support.tenants import Tenant


def member(*tenants: Tenant) -> Client:
    user = User.objects.create_user(f"ann-{tenants[0].id}")
    for tenant in tenants:
        Membership.objects.create(project_id=tenant.id, user=user, role="admin")
    client = Client()
    client.force_login(user)
    return client


def put(client: Client, path: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.put(path, content, content_type="application/json")


def test_a_member_plans_a_type_and_changes_his_mind(acme: Tenant) -> None:
    ann = member(acme)
    answer = put(ann, "/api/plan/order", {"mode": "enforce", "schema": ORDER})
    assert answer.status_code == 200
    assert answer.json() | {"updatedAt": ""} == {
        "type": "order", "mode": "enforce", "schema": ORDER, "updatedAt": "", "updatedBy": f"ann-{acme.id}",
    }  # fmt: skip
    keys.clear()
    assert acme.send(order()).json()["quarantined"] == 1
    assert put(ann, "/api/plan/order", {"mode": "warn", "schema": {"title": "x"}}).json()["schema"] == {
        "title": "x"
    }
    assert ann.get("/api/plan/order").json()["mode"] == "warn"
    assert ann.delete("/api/plan/order").status_code == 204
    assert ann.get("/api/plan/order").status_code == 404
    assert ann.delete("/api/plan/order").status_code == 404
    keys.clear()
    assert acme.send(order()).json()["accepted"] == 1


def test_a_read_key_reads_its_own_plan_and_changes_none(acme: Tenant, globex: Tenant) -> None:
    plan(acme.id)
    plan(globex.id, "secret")
    shown = acme.get("/api/plan").json()
    assert [one["type"] for one in shown["types"]] == ["order"]
    assert (shown["version"], shown["unlisted"], shown["violations"]) == (1, "allow", [])
    assert acme.get("/api/plan/order").json()["schema"] == ORDER
    assert acme.get("/api/plan/secret").status_code == 404
    key = {"HTTP_AUTHORIZATION": f"Bearer {acme.read_key}"}
    for path, body in (("/api/plan", {"unlisted": "warn"}), ("/api/plan/x", {"mode": "off", "schema": {}})):
        answer = Client().put(path, json.dumps(body), content_type="application/json", **key)
        assert answer.status_code in (401, 403)
    assert Client().delete("/api/plan/order", **key).status_code in (401, 403)
    assert PlannedType.objects.filter(project_id=acme.id).count() == 1


def test_a_member_of_another_project_changes_nothing(acme: Tenant, globex: Tenant) -> None:
    plan(globex.id)
    ann = member(acme)
    for path in ("/api/plan/order?project=globex", "/api/plan?project=globex"):
        assert put(ann, path, {"mode": "off", "schema": {}}).status_code in (400, 404)
    assert ann.delete("/api/plan/order?project=globex").status_code == 404
    assert ann.delete("/api/plan/order").status_code == 404
    assert globex.get("/api/plan/order").json()["mode"] == "enforce"


def test_a_change_by_session_needs_the_csrf_token(acme: Tenant) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    assert put(client, "/api/plan", {"unlisted": "warn"}).status_code == 403


def test_without_a_plan_there_is_an_empty_one(acme: Tenant) -> None:
    assert acme.get("/api/plan").json() | {"range": 0} == {
        "version": 0, "unlisted": "allow", "types": [], "range": 0, "violations": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "on", "schema": {}}, "mode"),
        ({"schema": {}}, "mode"),
        ({"mode": ["off"], "schema": {}}, "mode"),
        ({"mode": "off"}, "schema"),
        ({"mode": "off", "schema": {}, "props": {}}, "props"),
        ({"mode": "off", "schema": {"type": "objekt"}}, "schema.type"),
        ({"mode": "off", "schema": {"$ref": "http://127.0.0.1/x"}}, "schema"),
        ([], "body"),
        ({"mode": "off", "schema": {"description": "x" * 70_000}}, "schema"),
    ],
)
def test_what_cannot_be_understood_is_400_and_says_where(acme: Tenant, body: Any, field: str) -> None:
    answer = put(member(acme), "/api/plan/order", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert not PlannedType.objects.exists()


@pytest.mark.parametrize("kind", ["a/b", "Größe 100%", "a?b#c", "$identify", "x" * 200, "violations"])
def test_a_type_may_have_any_name(acme: Tenant, kind: str) -> None:
    path = f"/api/plan/{quote(kind, safe='')}"
    assert put(member(acme), path, {"mode": "warn", "schema": ORDER}).json()["type"] == kind
    assert acme.get(path).json()["type"] == kind
    assert acme.get(f"{path}/violations").json()["type"] == kind


@pytest.mark.parametrize("kind", ["x" * 201, "%20order", "a%00b"])
def test_a_name_that_no_event_can_have_is_400(acme: Tenant, kind: str) -> None:
    assert put(member(acme), f"/api/plan/{kind}", {"mode": "warn", "schema": {}}).status_code == 400


ODD_TYPES = ["cart/violations", "two\nlines", "..", "a/../b", "violations"]


@pytest.mark.parametrize("kind", ODD_TYPES)
def test_a_type_that_no_address_can_hold_is_planned_by_its_parameter(acme: Tenant, kind: str) -> None:
    ann, path = member(acme), f"/api/plan?type={quote(kind, safe='')}"
    plan(acme.id, "other")
    assert put(ann, path, {"mode": "warn", "schema": ORDER}).json()["type"] == kind
    acme.send({"type": kind, "userId": "u1", "props": {}})
    process_all()
    found = acme.get("/api/plan", type=kind).json()
    assert [one["type"] for one in found["types"]] == [kind]
    (broke,) = found["violations"]
    assert (broke["type"], broke["warned"], len(broke["hours"]), len(broke["examples"])) == (kind, 1, 1, 1)
    assert ann.delete(path).status_code == 204
    assert [one["type"] for one in acme.get("/api/plan").json()["types"]] == ["other"]
    assert ann.delete(path).status_code == 404


def test_a_type_that_is_not_planned_may_have_broken_the_plan(acme: Tenant) -> None:
    unlisted(acme.id, "warn")
    acme.send({"type": "a/b", "userId": "u1"})
    process_all()
    found = acme.get("/api/plan", type="a/b").json()
    assert (found["types"], found["violations"][0]["warned"]) == ([], 1)


def test_the_whole_plan_is_never_removed(acme: Tenant) -> None:
    plan(acme.id)
    ann = member(acme)
    for query in ("", "?typ=order", "?type=order&type=b"):
        assert ann.delete(f"/api/plan{query}").status_code == 400
    assert put(ann, "/api/plan?typ=order", {"unlisted": "warn"}).status_code == 400
    assert ann.delete("/api/plan?type=").status_code == 404
    assert acme.get("/api/plan").json() | {"range": 0, "types": 0} == {
        "version": 1, "unlisted": "allow", "types": 0, "range": 0, "violations": [],
    }  # fmt: skip
    assert PlannedType.objects.count() == 1


def test_types_without_a_plan_can_be_refused(acme: Tenant) -> None:
    ann = member(acme)
    assert put(ann, "/api/plan", {"unlisted": "enforce"}).json() == {"unlisted": "enforce"}
    assert put(ann, "/api/plan", {"unlisted": "off"}).status_code == 400
    keys.clear()
    answer = acme.send({"type": "surprise", "userId": "u1"}).json()
    assert (answer["quarantined"], answer["errors"][0]["field"]) == (1, "type")


def test_violations_are_told_by_hour_with_the_latest_events(acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        plan(tenant.id, mode="warn")
        plan(tenant.id, "ping", schema={"maxProperties": 0})
        unlisted(tenant.id, "warn")
    acme.send(
        [
            order(amount="1") | {"eventId": "first"},
            order(amount=-5),
            order(amount=5),
            {"type": "new", "userId": "u"},
        ]
    )
    acme.send({"type": "ping", "userId": "u1", "props": {"a": 1}})
    globex.send(order(amount="zzforeign"))
    process_all()
    found = acme.get("/api/plan/order/violations").json()
    assert (found["warned"], found["quarantined"]) == (2, 0)
    assert sum(hour["warned"] for hour in found["hours"]) == 2
    assert {one["field"] for one in found["examples"]} == {"props.amount"}
    assert "zzforeign" not in json.dumps(found)
    assert {(one["type"], one["warned"], one["quarantined"]) for one in acme.get("/api/plan").json()["violations"]} == {
        ("order", 2, 0), ("new", 1, 0), ("ping", 0, 1),
    }  # fmt: skip
    assert acme.get("/api/plan/ping/violations").json()["examples"] == []
    assert acme.get("/api/plan/order/violations", range="2020-01-01/2020-01-02").json()["hours"] == []
    assert acme.get("/api/plan/order/violations", range="x").status_code == 400


def test_an_example_that_today_s_plan_allows_has_no_fault(acme: Tenant) -> None:
    plan(acme.id, mode="warn")
    acme.send(order(amount="1"))
    process_all()
    plan(acme.id, mode="warn", schema={})
    (example,) = acme.get("/api/plan/order/violations").json()["examples"]
    assert (example["field"], example["message"]) == (None, None)


def test_a_plan_has_bounds(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = member(acme)
    monkeypatch.setattr(services, "MOST_TYPES", 1)
    assert put(ann, "/api/plan/a", {"mode": "off", "schema": {}}).status_code == 200
    assert put(ann, "/api/plan/a", {"mode": "warn", "schema": {}}).status_code == 200
    answer = put(ann, "/api/plan/b", {"mode": "off", "schema": {}})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_plan")
    monkeypatch.setattr(services, "MOST_TEXT", 10_000)
    long = put(ann, "/api/plan/a", {"mode": "off", "schema": {"description": "x" * 10_000}})
    assert (long.status_code, long.json()["errors"][0]["field"]) == (400, "schema")
    assert "bytes together" in long.json()["message"]
    monkeypatch.setattr(services, "MOST_BYTES", 100_000)
    heavy = {"properties": {f"p{n}": {"pattern": "^a$"} for n in range(50)}}
    assert put(ann, "/api/plan/a", {"mode": "warn", "schema": heavy}).status_code == 400
    assert ann.get("/api/plan/a").json()["schema"] == {}


def test_the_admin_makes_and_changes_plans(acme: Tenant) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    form = {"project": acme.id, "type": "order", "mode": "enforce", "schema": json.dumps(ORDER)}
    assert client.post("/admin/events/plannedtype/add/", form).status_code == 302
    keys.clear()
    assert acme.send(order()).json()["quarantined"] == 1
    row = PlannedType.objects.get()
    page = client.get(f"/admin/events/plannedtype/{row.pk}/change/").content.decode()
    assert "minimum" in page
    refused = client.post(
        "/admin/events/plannedtype/add/", form | {"type": "b", "schema": '{"type": "objekt"}'}
    )
    assert "schema.type" in refused.content.decode()
    for broken in ("{", "[" * 100_000, '{"a": NaN, "$ref": "x"}'):
        answer = client.post(
            f"/admin/events/plannedtype/{row.pk}/change/", {"mode": "warn", "schema": broken}
        )
        assert answer.status_code == 200
    assert client.post(f"/admin/events/plannedtype/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert (
        client.post("/admin/events/trackingplan/add/", {"project": acme.id, "unlisted": "warn"}).status_code
        == 200
    )
    path = f"/admin/events/trackingplan/{acme.id}/change/"
    assert client.post(path, {"unlisted": "enforce"}).status_code == 302
    assert acme.get("/api/plan").json()["unlisted"] == "enforce"
    assert acme.get("/api/plan").json()["version"] == 3


def test_a_plan_can_be_started_from_what_arrived(acme: Tenant) -> None:
    events = [order(amount=1, coupon="x"), order(amount=2.5, note=None)]
    acme.send(events)
    process_all()
    draft = acme.get("/api/catalogue/order").json()["schema"]
    assert put(member(acme), "/api/plan/order", {"mode": "enforce", "schema": draft}).status_code == 200
    keys.clear()
    assert acme.send(events).json()["accepted"] == 2
    assert acme.send(order(amount="1", coupon="x")).json()["quarantined"] == 1
