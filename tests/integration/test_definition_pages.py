"""The page of defined metrics: what it lists, what its form makes and refuses, and what a removal takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from config.lib import clock
from config.lib.postgres import connect
from events.models import Membership
from metrics.definitions.tending import tend
from metrics.models import MetricDefinition
from tests.support.definitions_model import define
from tests.support.pipeline import event, store_all
from tests.support.tenants import Tenant, trail

HOSTILE = "<script>alert('x')</script>\"'&"
URL = "/p/acme/metrics"
State = MetricDefinition.State


@pytest.fixture
def member(acme: Tenant, globex: Tenant) -> Client:
    """A client logged in as a member of acme, and of nothing else."""
    user = User.objects.create_user("anna")
    Membership.objects.create(project_id=acme.id, user=user, role="admin")
    client = Client()
    client.force_login(user)
    return client


def tend_all() -> None:
    """Compute all history, as Celery would."""
    with connect(name="test definitions", autocommit=True) as link:
        tend(link, seconds=30)


def wrong_fields(page: str) -> list[str]:
    """Return the names of the fields that a page marks as wrong."""
    return re.findall(r'class="field wrong">.*?name="(\w+)"', page, re.DOTALL)


def names() -> set[tuple[str, str]]:
    return set(MetricDefinition.objects.values_list("project__slug", "name"))


# --- the list -------------------------------------------------------------------------------------------------


def test_an_empty_page_teaches(member: Client) -> None:
    page = member.get(URL).content.decode()
    assert "No metric of your own yet" in page
    assert "GET /api/metrics?metric=NAME" in page


def test_the_list_shows_what_each_counts_and_its_own_project_only(
    member: Client, acme: Tenant, globex: Tenant
) -> None:
    define(
        acme.id,
        "revenue",
        match={
            "type": ["order", "gift"],
            "filters": ["props.country:eq:DE", "props.n:gte:3", "props.x:exists"],
        },
        measure="sum",
        property="props.amount",
        dimensions=["props.plan", "type"],
    )
    define(acme.id, "slow", measure="p95", property="ms")
    define(acme.id, "everybody", measure="users")
    define(globex.id, "zzforeign")
    page = member.get(URL).content.decode()
    assert (
        "Sum of props.amount of order or gift events where props.country is DE and props.n ≥ 3 "
        "and props.x is there" in page
    )
    assert "p95 of props.ms of events of every type" in page
    assert "Users with events of every type" in page
    assert "props.plan, type" in page
    assert "zzforeign" not in page


def test_progress_shows_and_the_list_asks_again_sooner_while_history_is_computed(
    member: Client, acme: Tenant
) -> None:
    store_all(acme.id, [event("u1", clock.now())])
    define(acme.id, "mine")
    before = member.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert before.startswith('<section id="defined"')
    assert '<progress max="100" value="0"' in before
    assert 'hx-trigger="every 2s' in before
    tend_all()
    after = member.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "the first event" in after
    assert "<progress" not in after
    assert 'hx-trigger="every 20s' in after


def test_hostile_texts_are_escaped(member: Client, acme: Tenant) -> None:
    store_all(acme.id, [event("u1", clock.now(), type=HOSTILE)])
    define(acme.id, "odd", match={"type": HOSTILE, "filters": [f"props.{HOSTILE}:eq:{HOSTILE}"]})
    for url in (URL, f"{URL}/odd/remove"):
        page = member.get(url).content.decode()
        assert "alert(&#x27;x&#x27;)" in page, url
        assert "<script>alert" not in page, url
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page), url


def test_types_that_came_are_offered(member: Client, acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event("u1", clock.now(), type="checkout")])
    store_all(globex.id, [event("u1", clock.now(), type="zzforeign")])
    page = member.get(URL).content.decode()
    assert '<option value="checkout">' in page
    assert "zzforeign" not in page


# --- making one -----------------------------------------------------------------------------------------------


def test_the_form_defines_what_the_api_would(member: Client, acme: Tenant) -> None:
    form = {
        "name": "revenue",
        "event": "order",
        "event2": "gift",
        "filters": "props.country:eq:DE\r\n\r\nprops.amount:gte:10",
        "measure": "percentile",
        "property": "props.amount",
        "percentile": "90",
        "dimension": "props.plan",
    }
    answer = member.post(URL, form, follow=True)
    assert "revenue is kept from now on" in answer.content.decode()
    made = MetricDefinition.objects.get()
    assert made.match == {
        "type": ["order", "gift"],
        "filters": ["props.country:eq:DE", "props.amount:gte:10"],
    }
    assert (made.measure, made.prop, made.quantile) == ("percentile", "amount", 0.9)
    assert (made.dimensions, made.created_by, made.project_id) == (["props.plan"], "anna", acme.id)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Bad Name"}, "name"),
        ({"name": "count"}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"filters": "nonsense"}, "filters"),
        ({"filters": "userId:eq:u1"}, "filters"),
        ({"measure": "guess"}, "measure"),
        ({"measure": "sum"}, "property"),
        ({"property": "props.x"}, "property"),
        ({"percentile": "95"}, "percentile"),
        ({"measure": "percentile", "property": "x", "percentile": "many"}, "percentile"),
        ({"dimension": "country"}, "dimension"),
        ({"dimension": "type", "dimension2": "type"}, "dimension"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_nothing_is_lost(
    member: Client, change: dict[str, str], field: str
) -> None:
    answer = member.post(URL, {"name": "mine", "measure": "count", "event3": "kept as typed", **change})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert wrong_fields(page) == [field]
    assert "kept as typed" in page
    assert names() == set()


def test_a_name_that_is_taken_is_refused_in_its_own_project_only(
    member: Client, acme: Tenant, globex: Tenant
) -> None:
    define(globex.id, "mine")
    assert member.post(URL, {"name": "mine", "measure": "count"}).status_code == 302
    answer = member.post(URL, {"name": "mine", "measure": "count"})
    assert (answer.status_code, wrong_fields(answer.content.decode())) == (409, ["name"])


def test_one_too_many_is_refused_above_the_form(member: Client, acme: Tenant, settings: Settings) -> None:
    settings.DEFINITION_POINTS = 1
    define(acme.id, "first")
    answer = member.post(URL, {"name": "second", "measure": "count"})
    assert answer.status_code == 409
    assert "remove a defined metric first" in answer.content.decode()


# --- history and removal --------------------------------------------------------------------------------------


def test_history_stops_and_goes_on(member: Client, acme: Tenant) -> None:
    made = define(acme.id, "mine")
    for do, state in (("stop", State.STOPPED), ("nonsense", State.STOPPED), ("continue", State.BUILDING)):
        assert member.post(f"{URL}/mine/history", {"do": do}).status_code == 302
        made.refresh_from_db()
        assert made.state == state, do
    member.post(f"{URL}/mine/history", {"do": "stop"})
    assert 'value="continue"' in member.get(URL).content.decode()


def test_a_removal_asks_first_and_is_logged(member: Client, acme: Tenant, globex: Tenant) -> None:
    define(acme.id, "mine")
    define(globex.id, "mine")
    assert "Events stay" in member.get(f"{URL}/mine/remove").content.decode()
    assert names() == {("acme", "mine"), ("globex", "mine")}
    answer = member.post(f"{URL}/mine/remove", follow=True)
    assert "mine is gone" in answer.content.decode()
    assert ("globex", "mine") in names()
    assert ("acme", "mine") not in names()
    assert trail(acme.id, "metric.remove") == [("anna", "mine")]


# --- who may --------------------------------------------------------------------------------------------------

PATHS = ("", "/theirs/history", "/theirs/remove")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_other_projects_are_not_found(member: Client, globex: Tenant, path: str, method: str) -> None:
    define(globex.id, "theirs")
    answer: Any = getattr(member, method)(f"/p/globex/metrics{path}", {"name": "x", "do": "stop"})
    assert answer.status_code == (405 if (path, method) == (PATHS[1], "get") else 404)
    assert MetricDefinition.objects.get().state == State.BUILDING


@pytest.mark.parametrize("path", PATHS)
def test_whoever_is_not_logged_in_is_asked_to(acme: Tenant, path: str) -> None:
    define(acme.id, "theirs")
    assert Client().post(f"{URL}{path}")["Location"].startswith("/login")
    assert names() == {("acme", "theirs")}


@pytest.mark.parametrize("path", PATHS)
def test_another_site_cannot_change_anything(member: Client, acme: Tenant, path: str) -> None:
    define(acme.id, "theirs")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="anna"))
    assert strict.post(f"{URL}{path}", {"name": "x", "measure": "count", "do": "stop"}).status_code == 403
    assert (names(), MetricDefinition.objects.get().state) == ({("acme", "theirs")}, State.BUILDING)


def test_what_does_not_exist_is_not_found(member: Client) -> None:
    assert member.get(f"{URL}/nothing/remove").status_code == 404
    assert member.post(f"{URL}/nothing/history", {"do": "stop"}).status_code == 404
