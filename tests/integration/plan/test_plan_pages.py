"""The pages of the tracking plan: types that come, what is planned for one, what broke it, and removal."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.lib import clock
from events.models import Membership, PlannedType, TrackingPlan
from tests.support.pipeline import event, process_all, store_all
from tests.support.planning import ORDER, order, plan
from tests.support.tenants import Tenant, trail

HOSTILE = "<script>alert('x')</script>\"'&"
URL = "/p/acme/plan"


@pytest.fixture
def member(acme: Tenant, globex: Tenant) -> Client:
    """A client logged in as a member of acme, and of nothing else."""
    user = User.objects.create_user("anna")
    Membership.objects.create(project_id=acme.id, user=user, role="admin")
    client = Client()
    client.force_login(user)
    return client


def of(type: str, slug: str = "acme", **more: str) -> str:
    return f"/p/{slug}/plan/type?{urlencode({'type': type, **more})}"


def planned() -> set[tuple[str, str, str]]:
    return set(PlannedType.objects.values_list("project__slug", "type", "mode"))


# --- the list -------------------------------------------------------------------------------------------------


def test_an_empty_page_teaches(member: Client) -> None:
    page = member.get(URL).content.decode()
    assert "Nothing came yet, and nothing is planned" in page


def test_the_list_has_what_came_and_what_is_planned(member: Client, acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event("u1", clock.now(), type="view")] * 1)
    store_all(globex.id, [event("u1", clock.now(), type="zzforeign")])
    plan(acme.id, "order", "warn")
    plan(globex.id, "zzplanned")
    page = member.get(URL).content.decode()
    assert re.search(r">view</a></td>\s*<td class=\"number\">1<", page)
    assert "never came" in page.partition(">order</a>")[2].partition("</tr>")[0]
    assert "zz" not in page


def test_violations_are_counted_by_type(member: Client, acme: Tenant, globex: Tenant) -> None:
    plan(acme.id, "order", "warn")
    plan(globex.id, "order", "enforce")
    assert acme.send([order(), order(), order(amount=1)]).status_code == 202
    assert globex.send([order()] * 1).status_code == 202
    process_all()
    page = member.get(URL).content.decode()
    assert "2 warned" in page
    assert "quarantined</strong>" not in page


def test_what_is_done_about_other_types_can_be_said(member: Client, acme: Tenant, globex: Tenant) -> None:
    assert member.post(URL, {"unlisted": "warn"}, follow=True).status_code == 200
    assert list(TrackingPlan.objects.values_list("project_id", "unlisted")) == [(acme.id, "warn")]
    assert member.post(URL, {"unlisted": "explode"}).status_code == 400
    assert '<option value="warn" selected' in member.get(URL).content.decode()


# --- one type -------------------------------------------------------------------------------------------------


def test_a_type_shows_its_properties_and_a_draft_of_them(
    member: Client, acme: Tenant, globex: Tenant
) -> None:
    store_all(
        acme.id,
        [
            event("u1", clock.now(), type="order", amount=1, coupon="X"),
            event("u1", clock.now(), type="order", amount=2.5),
        ],
    )
    store_all(globex.id, [event("u1", clock.now(), type="order", zzforeign=1)])
    page = member.get(of("order")).content.decode()
    assert all(text in page for text in (">amount<", ">coupon<", "50 %", "Start from what arrives"))
    assert "zzforeign" not in page
    assert "&quot;required&quot;" not in page
    draft = member.get(of("order", draft="1")).content.decode()
    assert "&quot;required&quot;" in draft
    assert planned() == set()


def test_a_page_says_where_its_figures_are_of_a_sample(member: Client, acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event("u1", clock.now(), type="order", amount=1) for _ in range(600)], size=600)
    store_all(globex.id, [event("u1", clock.now(), type="order", amount=1)])
    assert "only some events are looked at" in member.get(of("order")).content.decode()
    Membership.objects.create(project_id=globex.id, user=User.objects.get(username="anna"), role="admin")
    assert "only some events are looked at" not in member.get(of("order", slug="globex")).content.decode()


def test_a_type_is_planned_and_changed(member: Client, acme: Tenant) -> None:
    for mode, schema in (("enforce", ORDER), ("warn", {"required": ["a"]})):
        answer = member.post(of("order"), {"mode": mode, "schema": json.dumps(schema)}, follow=True)
        assert "The plan is saved" in answer.content.decode()
        assert planned() == {("acme", "order", mode)}
        assert json.loads(PlannedType.objects.get().schema) == schema
        assert PlannedType.objects.get().updated_by == "anna"


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "{",
        "3",
        "NaN",
        '{"a": 1, "a": 2}',
        '{"type": "nope"}',
        '{"$ref": "http://x"}',
        '{"pattern": "(?=a)"}',
        "[" * 5000,
    ],
)
def test_what_is_no_schema_is_refused_beside_it(member: Client, schema: str) -> None:
    answer = member.post(of("order"), {"mode": "warn", "schema": schema})
    assert answer.status_code == 400
    assert re.search(r'class="field wrong">\s*<label for="id_schema"', answer.content.decode())
    assert planned() == set()


def test_a_refused_schema_is_not_lost_and_its_place_is_named(member: Client) -> None:
    schema = '{"properties": {"kept as typed": {"type": "nope"}}}'
    page = member.post(of("order"), {"mode": "warn", "schema": schema}).content.decode()
    assert "schema.properties.kept as typed.type: " in page
    assert "&quot;kept as typed&quot;" in page


def test_a_mode_that_does_not_exist_is_refused(member: Client) -> None:
    assert member.post(of("order"), {"mode": "explode", "schema": "{}"}).status_code == 400
    assert planned() == set()


def test_violations_are_shown_with_what_is_wrong(member: Client, acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        plan(tenant.id, "order", "warn")
    assert acme.send([order(amount=HOSTILE)]).status_code == 202
    assert globex.send([order(zzforeign=1)]).status_code == 202
    process_all()
    page = member.get(of("order")).content.decode()
    assert re.search(r"Warned of</dt><dd>1<", page)
    assert "props.amount" in page
    assert "alert(&#x27;x&#x27;)" in page
    assert "<script>alert" not in page
    assert "zzforeign" not in page


@pytest.mark.parametrize("type", [HOSTILE, "a/b", "..", "?x#y%2f", "line\nbreak", "ünï 🙂", "x" * 200])
def test_any_type_has_a_page(member: Client, acme: Tenant, type: str) -> None:
    store_all(acme.id, [event("u1", clock.now(), type=type)])
    link = re.search(r'<a class="type" href="([^"]*)"', member.get(URL).content.decode())
    assert link
    page = member.get(link[1].replace("&amp;", "&")).content.decode()
    assert "First seen" in page
    assert "<script>alert" not in page
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page)
    assert member.post(of(type), {"mode": "off", "schema": "{}"}).status_code == 302
    assert planned() == {("acme", type, "off")}
    assert (
        "<script>alert" not in member.get(f"{URL}/type/remove?{urlencode({'type': type})}").content.decode()
    )
    assert member.post(f"{URL}/type/remove?{urlencode({'type': type})}").status_code == 302
    assert planned() == set()


@pytest.mark.parametrize("query", ["", "?type=", "?type=%00", f"?type={'x' * 201}"])
def test_what_no_event_can_be_has_no_page(member: Client, query: str) -> None:
    assert member.get(f"{URL}/type{query}").status_code == 404
    assert member.post(f"{URL}/type{query}", {"mode": "off", "schema": "{}"}).status_code == 404


def test_a_removal_asks_first_and_is_logged(member: Client, acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        plan(tenant.id, "order", "warn")
    url = f"{URL}/type/remove?type=order"
    assert "Its schema goes" in member.get(url).content.decode()
    assert len(planned()) == 2
    assert "out of the plan" in member.post(url, follow=True).content.decode()
    assert planned() == {("globex", "order", "warn")}
    assert trail(acme.id, "plan.remove_type") == [("anna", "order")]
    assert member.post(url).status_code == 404


# --- who may --------------------------------------------------------------------------------------------------

PATHS = ("", "/type?type=order", "/type/remove?type=order")
FORM = {"mode": "off", "schema": "{}", "unlisted": "enforce"}


@pytest.mark.parametrize("path", PATHS)
def test_changes_need_a_membership_and_come_from_our_own_pages(
    member: Client, acme: Tenant, globex: Tenant, path: str
) -> None:
    for tenant in (acme, globex):
        plan(tenant.id, "order", "warn")
    before = planned(), set(TrackingPlan.objects.values_list("version", "unlisted"))
    assert member.get(f"/p/globex/plan{path}").status_code == 404
    assert member.post(f"/p/globex/plan{path}", FORM).status_code == 404
    assert Client().post(f"{URL}{path}", FORM)["Location"].startswith("/login")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="anna"))
    assert strict.post(f"{URL}{path}", FORM).status_code == 403
    assert member.get(f"{URL}{path}").status_code == 200
    assert before == (planned(), set(TrackingPlan.objects.values_list("version", "unlisted")))
