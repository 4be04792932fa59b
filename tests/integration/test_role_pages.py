"""Viewers look, analysts make, admins decide: every page and method that changes something refuses the lower role."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from events import audit
from events.models import AuditEntry, Membership, Project
from events.roles import Role
from metrics.dashboards.urls import urlpatterns
from metrics.models import Segment
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.support.definitions_model import define
from tests.support.planning import plan
from tests.support.tenants import Tenant

#: Each page that takes a POST: its name, its address, a body, and the lowest role that may send it.
PAGES: list[tuple[str, str, dict[str, Any], Role]] = [
    ("defined-metrics", "metrics", {"name": "x", "measure": "count"}, Role.ANALYST),
    ("metric-history", "metrics/mine/history", {"do": "stop"}, Role.ANALYST),
    ("metric-remove", "metrics/mine/remove", {}, Role.ANALYST),
    ("segment-list", "segments", {"do": "rules", "name": "n", "rules": '{"did": {}}'}, Role.ANALYST),
    ("segment-remove", "segments/mine/remove", {}, Role.ANALYST),
    ("plan-page", "plan", {"unlisted": "warn"}, Role.ADMIN),
    ("plan-of-type", "plan/type?type=planned", {"mode": "off", "schema": "{}"}, Role.ADMIN),
    ("plan-remove", "plan/type/remove?type=planned", {}, Role.ADMIN),
    ("sample-remove", "remove-sample", {}, Role.ADMIN),
]
#: Those that superusers alone may change, whatever their role.
FOR_SUPERUSERS = {"operate"}
#: Each changing method below /api/: address, body, lowest role.
METHODS: list[tuple[str, str, Any, Role]] = [
    ("post", "/api/definitions", {"name": "x"}, Role.ANALYST),
    ("delete", "/api/definitions/mine", None, Role.ANALYST),
    ("post", "/api/segments", {"name": "x", "rules": {"did": {}}}, Role.ANALYST),
    ("put", "/api/segments/mine", {"rules": {"did": {}}}, Role.ANALYST),
    ("put", "/api/segments/listed/users", ["a"], Role.ANALYST),
    ("post", "/api/segments/listed/users", ["a"], Role.ANALYST),
    ("delete", "/api/segments/mine", None, Role.ANALYST),
    ("put", "/api/plan", {"unlisted": "warn"}, Role.ADMIN),
    ("put", "/api/plan/planned", {"mode": "off", "schema": {}}, Role.ADMIN),
    ("delete", "/api/plan/planned", None, Role.ADMIN),
    ("post", "/api/dlq/replay?dryRun=true", {"ids": [1]}, Role.ADMIN),
    ("post", "/api/dlq/discard", {"ids": [1]}, Role.ADMIN),
]
LOWER = {Role.ANALYST: Role.VIEWER, Role.ADMIN: Role.ANALYST}
Login = Callable[[Role], Client]


@pytest.fixture
def login(acme: Tenant) -> Login:
    """Give a client whose person has a role in acme; acme has one of everything."""
    define(acme.id, "mine")
    create_segment(project_id=acme.id, name="mine", by="ada", rules=read_rules({"did": {}}))
    create_segment(project_id=acme.id, name="listed", by="ada", users=["a"])
    plan(acme.id, "planned")

    def logged_in(role: Role) -> Client:
        client, user = Client(), User.objects.create_user(f"{role.value}-of-acme")
        Membership.objects.create(project_id=acme.id, user=user, role=role)
        client.force_login(user)
        return client

    return logged_in


@pytest.mark.parametrize(("name", "page", "body", "role"), PAGES, ids=[page for page, *_ in PAGES])
def test_a_page_refuses_the_lower_role_and_says_what_is_missing(
    login: Login, name: str, page: str, body: dict[str, Any], role: Role
) -> None:
    refused = login(LOWER[role]).post(f"/p/acme/{page}", body)
    assert refused.status_code == 403
    assert f"needs the role {role.value} in" in refused.content.decode()
    assert login(role).post(f"/p/acme/{page}", body).status_code != 403


@pytest.mark.parametrize(("method", "address", "body", "role"), METHODS)
def test_a_method_refuses_the_lower_role(
    login: Login, method: str, address: str, body: Any, role: Role
) -> None:
    def call(as_role: Role) -> Any:
        return getattr(login(as_role), method)(address, json.dumps(body), "application/json")

    refused = call(LOWER[role])
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert role.value in refused.json()["message"]
    assert call(role).status_code != 403


def test_no_other_page_takes_a_post_from_a_viewer(login: Login) -> None:
    """Pages to come are asked too: one that viewers may change must say why here."""
    client, named = login(Role.VIEWER), {name for name, *_ in PAGES} | FOR_SUPERUSERS
    given = {"slug": "acme", "name": "mine", "session_id": UUID(int=7), "user_id": "u"}
    for pattern in urlpatterns:
        if "slug" not in pattern.pattern.converters or pattern.name in named:
            continue
        address = reverse(
            str(pattern.name), kwargs={name: given[name] for name in pattern.pattern.converters}
        )
        assert client.post(address).status_code in (403, 405), address


def test_a_viewer_sees_every_page_and_no_form_that_changes_something(login: Login) -> None:
    client = login(Role.VIEWER)
    for page in (
        "",
        "funnels?step1=a&step2=b",
        "retention",
        "paths?event=a",
        "lifecycle",
        "sessions",
        "metrics",
        "segments",
        "plan",
        "plan/type?type=planned",
        "pipeline",
        "setup",
    ):
        answer = client.get(f"/p/acme/{page}")
        assert answer.status_code == 200, page
        forms = re.findall(
            r'<form method="post" action="([^"]*)"|<form method="post"', answer.content.decode()
        )
        assert forms == ["/logout"], page
    assert client.post("/api/segments/preview", {"rules": {"did": {}}}, "application/json").status_code == 200


def test_a_superuser_is_an_admin_without_a_membership(login: Login) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert client.post("/p/acme/plan", {"unlisted": "warn"}).status_code == 302


def test_a_viewer_loads_no_sample_data(login: Login) -> None:
    assert login(Role.VIEWER).post("/sample").status_code == 403
    assert not Project.objects.filter(is_sample=True).exists()


def test_a_new_membership_only_looks(acme: Tenant) -> None:
    user = User.objects.create_user("new")
    assert Membership.objects.create(project_id=acme.id, user=user).role == Role.VIEWER


def test_removals_leave_a_trail(login: Login, acme: Tenant) -> None:
    login(Role.ANALYST).post("/p/acme/segments/mine/remove")
    assert not Segment.objects.filter(name="mine").exists()
    (entry,) = AuditEntry.objects.filter(action__startswith="segment")
    assert (entry.by, entry.action, entry.target) == ("analyst-of-acme", "segment.remove", "mine")
    assert entry.project_id == acme.id


def test_a_trail_entry_keeps_its_details_and_bounds_its_target(acme: Tenant) -> None:
    entry = audit.record(by="ada", action="dlq.replay", target="x" * 1000, ids=[1, 2])
    entry.refresh_from_db()
    assert (entry.project_id, entry.detail, len(entry.target)) == (None, {"ids": [1, 2]}, 300)
