"""/api/definitions: who may read, who may define; what is refused; the admin's forms take the same."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from events.models import Membership
from metrics.definitions.tending import tend
from metrics.models import MetricDefinition
from tests.support.definitions_model import define
from tests.support.pipeline import NOON, event, rows, store_all
from tests.support.tenants import Tenant

JSON = "application/json"
GOOD: dict[str, Any] = {
    "name": "revenue",
    "match": {"type": "order", "filters": ["props.country:eq:DE"]},
    "measure": "sum",
    "property": "props.amount",
    "dimensions": ["props.plan", "type"],
}


@pytest.fixture
def member(acme: Tenant) -> Client:
    user = User.objects.create_user("ada")
    Membership.objects.create(project_id=acme.id, user=user, role="admin")
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, **body: Any) -> Any:
    return client.post("/api/definitions", json.dumps(body), JSON)


def tend_all() -> None:
    from config.lib.postgres import connect

    with connect(name="test definitions", autocommit=True) as link:
        tend(link, seconds=30)


def test_a_metric_is_defined_listed_and_removed(acme: Tenant, member: Client) -> None:
    store_all(acme.id, [event(type="order", country="DE", amount=3, plan="pro")])
    made = post(member, **GOOD)
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["match"] == {"type": ["order"], "filters": ["props.country:eq:DE"]}
    assert (body["property"], body["dimensions"], body["state"]) == (
        "props.amount",
        GOOD["dimensions"],
        "building",
    )
    assert (body["coveredFrom"], body["progress"], body["createdBy"]) == (None, 0, "ada")
    tend_all()
    (listed,) = acme.get("/api/definitions").json()["definitions"]
    assert (listed["coveredFrom"], listed["progress"], listed["state"]) == (
        "1970-01-01T00:00:00Z",
        100,
        "kept",
    )
    assert acme.get("/api/definitions/revenue").json() == listed
    assert rows("SELECT dim1, dim2, sum FROM rollup_metric_1d") == [("pro", "order", 3)]
    assert member.delete("/api/definitions/revenue").status_code == 204
    assert acme.get("/api/definitions").json() == {"definitions": []}
    assert acme.get("/api/definitions/revenue").status_code == 404
    assert post(member, **GOOD).status_code == 201  # the name is free at once
    tend_all()
    assert rows("SELECT count(*) FROM metric_definition") == [(1,)]
    assert rows("SELECT count(*) FROM rollup_metric_1d") == [(1,)]


def test_keys_read_and_do_not_change(acme: Tenant) -> None:
    define(acme.id, "mine")
    headers: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {acme.read_key}"}
    assert Client().post("/api/definitions", json.dumps(GOOD), JSON, **headers).status_code == 403
    assert Client().delete("/api/definitions/mine", **headers).status_code == 403
    assert Client().get("/api/definitions").status_code == 401
    assert [one["name"] for one in acme.get("/api/definitions").json()["definitions"]] == ["mine"]


def test_another_tenants_metrics_are_not_there(acme: Tenant, globex: Tenant, member: Client) -> None:
    define(globex.id, "theirs")
    assert acme.get("/api/definitions").json() == {"definitions": []}
    assert member.get("/api/definitions/theirs").status_code == 404
    assert member.delete("/api/definitions/theirs").status_code == 404
    assert [one["name"] for one in globex.get("/api/definitions").json()["definitions"]] == ["theirs"]


def test_a_name_stands_for_one_metric(member: Client) -> None:
    assert post(member, **GOOD).status_code == 201
    again = post(member, **GOOD)
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


def test_another_broken_rule_is_no_name_that_is_taken(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = IntegrityError("of another constraint")
    monkeypatch.setattr(MetricDefinition.objects, "create", Mock(side_effect=broken))
    with pytest.raises(IntegrityError):
        define(acme.id, "mine")


def test_all_of_them_have_one_budget(acme: Tenant, member: Client, settings: Settings) -> None:
    settings.DEFINITION_POINTS = 24
    for number in range(24):
        define(acme.id, f"m{number}")
    refused = post(member, **GOOD)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_definitions")
    assert "6 points, and the project has 0 of 24 left" in refused.json()["message"]
    for number in range(10):
        assert member.delete(f"/api/definitions/m{number}").status_code == 204
    assert post(member, **GOOD).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Revenue"}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "users"}, "name"),
        ({"name": "p95"}, "name"),
        ({"name": ["a"]}, "name"),
        ({"name": "a\n"}, "name"),
        ({"match": 7}, "match"),
        ({"match": {"kind": "x"}}, "match"),
        ({"match": {"type": ""}}, "match"),
        ({"match": {"filters": ["props.a"]}}, "filter"),
        ({"match": {"filters": ["userId:eq:ann"]}}, "match"),
        ({"match": {"filters": ["props.x:gt:0e-20000"]}}, "filter"),
        ({"match": {"filters": ["props.x:lte:0e20000"]}}, "filter"),
        ({"match": {"filters": ["props.x:lt:1e-400"]}}, "filter"),
        ({"measure": "median"}, "measure"),
        ({"measure": "p0"}, "measure"),
        ({"measure": None}, "measure"),
        ({"measure": {"a": 1}}, "measure"),
        ({"measure": "count"}, "property"),
        ({"property": None}, "property"),
        ({"property": "props."}, "property"),
        ({"property": "x" * 300}, "property"),
        ({"property": 3}, "property"),
        ({"percentile": 95}, "percentile"),
        ({"measure": "percentile", "percentile": 100}, "percentile"),
        ({"measure": "percentile", "percentile": 9.5}, "percentile"),
        ({"measure": "p95", "percentile": True}, "percentile"),
        ({"dimensions": ["type", "props.a", "props.b"]}, "dimensions"),
        ({"dimensions": ["type", "type"]}, "dimensions"),
        ({"dimensions": ["userId"]}, "dimensions"),
        ({"dimensions": "type"}, "dimensions"),
        ({"dimensions": [1]}, "dimensions"),
        ({"dimensions": None}, "dimensions"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(member: Client, change: dict[str, Any], field: str) -> None:
    answer = post(member, **(GOOD | change))
    assert answer.status_code == 400, answer.content
    assert [one["field"].partition(".")[0] for one in answer.json()["errors"]] == [field], answer.content
    assert rows("SELECT count(*) FROM metric_definition") == [(0,)]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"3", b"null", b"{", b'{"name": "a", "name": "b"}', b'{"name": "\\u0000"}']
)
def test_bodies_that_are_no_object_are_refused(member: Client, body: bytes) -> None:
    assert member.post("/api/definitions", body, JSON).status_code == 400


@pytest.mark.parametrize(("measure", "percentile"), [("p95", 95), ("percentile", 50), ("p1", 1)])
def test_percentiles_may_be_said_shortly(member: Client, measure: str, percentile: int) -> None:
    body = post(member, name="slow", measure=measure, property="ms").json()
    assert (body["measure"], body["percentile"], body["property"]) == ("percentile", percentile, "props.ms")


@pytest.fixture
def operator(pipeline: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


ADMIN = "/admin/metrics/metricdefinition/"


def test_the_admin_defines_and_shows_progress(acme: Tenant, operator: Client) -> None:
    store_all(acme.id, [event(ts=NOON)])
    form = {
        "project": acme.id,
        "name": "mine",
        "match": '{"type": "page_view"}',
        "measure": "p95",
        "prop": "ms",
    }
    answer = operator.post(f"{ADMIN}add/", form | {"dimensions": '["type"]'})
    assert answer.status_code == 302, answer.content
    one = MetricDefinition.objects.get()
    assert (one.measure, one.quantile, one.prop, one.created_by) == ("percentile", 0.95, "ms", "root")
    tend_all()
    assert b"100 %" in operator.get(ADMIN).content
    assert operator.get(f"{ADMIN}{one.pk}/change/").status_code == 200


def test_the_admin_names_what_is_wrong(acme: Tenant, operator: Client) -> None:
    form = {"project": acme.id, "name": "mine", "match": "{}", "measure": "sum", "dimensions": "[]"}
    assert b"needs `property`" in operator.post(f"{ADMIN}add/", form).content
    assert b"capital" not in operator.post(f"{ADMIN}add/", form | {"name": "A"}).content
    assert not MetricDefinition.objects.exists()


def test_the_admin_stops_goes_on_and_removes(acme: Tenant, operator: Client) -> None:
    one = define(acme.id, "mine")
    for action, state in (("stop_history", "stopped"), ("go_on_with_history", "building")):
        operator.post(ADMIN, {"action": action, "_selected_action": [one.pk]})
        one.refresh_from_db()
        assert one.state == state
    operator.post(f"{ADMIN}{one.pk}/delete/", {"post": "yes"})
    one.refresh_from_db()
    assert one.state == "removing"
    tend_all()
    assert not MetricDefinition.objects.exists()
