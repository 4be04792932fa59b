"""A person's page: all ids lead to it, whatever they and the traits hold is text, and it is one tenant's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from events.models import Membership
from metrics.dashboards.links import user_url
from tests.support.pipeline import NOON, append, event, process_all, store_all
from tests.support.tenants import Tenant

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def member(acme: Tenant, globex: Tenant) -> Client:
    """Somebody who is logged in as a member of acme alone."""
    user = User.objects.create_user("anna")
    Membership.objects.create(project_id=acme.id, user=user, role="admin")
    client = Client()
    client.force_login(user)
    return client


def page_of(member: Client, tenant: Tenant, user: str) -> str:
    answer = member.get(user_url(tenant.slug, user), follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def identify(user: str, anonymous: str, **traits: Any) -> dict[str, Any]:
    return event(user, NOON + timedelta(hours=1), type="identify", traits=traits) | {"anonymousId": anonymous}


@pytest.mark.parametrize("user", ["ada", "a1"])
def test_every_id_leads_to_the_person(member: Client, acme: Tenant, globex: Tenant, user: str) -> None:
    for tenant in (acme, globex):
        store_all(tenant.id, [event("a1"), identify("ada", "a1", plan=f"plan of {tenant.slug}")])
    page = page_of(member, acme, user)
    assert '<h1 class="who">ada</h1>' in page
    assert 'Also known as <span class="type">a1</span>' in page
    assert "plan of acme" in page and "plan of globex" not in page
    assert "<dt>Sessions</dt><dd>2</dd>" in page and "<dt>Events</dt><dd>2</dd>" in page
    assert "2 Jun 2025, 12:00:00" in page
    assert member.get(user_url(globex.slug, user)).status_code == 404


def test_who_has_no_session_yet_has_a_page(member: Client, acme: Tenant) -> None:
    append(acme.id, [identify("ada", "a1", plan="pro")])
    process_all()
    page = page_of(member, acme, "ada")
    assert "First seen" not in page and "<dt>plan</dt><dd>pro</dd>" in page


def test_what_a_trait_holds_is_text(member: Client, acme: Tenant) -> None:
    store_all(acme.id, [identify("ada", HOSTILE, **{HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}})])
    page = page_of(member, acme, HOSTILE)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(&#x27;x&#x27;)") >= 4


@pytest.mark.parametrize(
    "user", ["a/b", "..", "%2f", "a/../b", "?x#y", "line\nbreak", "a\u2028b", "ü" * 255, "/"]
)
def test_any_id_that_was_joined_has_a_page(member: Client, acme: Tenant, user: str) -> None:
    store_all(acme.id, [event(user), event("ada", type="alias", previousId=user)])
    assert '<h1 class="who">ada</h1>' in page_of(member, acme, user)


@pytest.mark.parametrize("user", ["x" * 10_000, "..", "%2f", "a\0b", "/" * 300])
def test_a_stranger_has_no_page(member: Client, acme: Tenant, user: str) -> None:
    assert member.get(f"/p/{acme.slug}/users", {"id": user}, follow=True).status_code == 404


def test_of_very_many_ids_some_are_shown(member: Client, acme: Tenant) -> None:
    store_all(acme.id, [event("ada", type="alias", previousId=f"id-{n:03}") for n in range(25)])
    page = page_of(member, acme, "ada")
    assert "id-009" in page.split("Also known as")[1].split("</p>")[0]
    assert "and 15 more" in page
