"""Where a read key or a login will do: what is sent goes before what a browser has, and a password reads, too."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from events.models import Membership
from metrics.query.audience import size_of
from metrics.segments.services import create_segment
from tests.support.definitions_model import define
from tests.support.pipeline import process_all
from tests.support.planning import plan
from tests.support.tenants import Tenant

READS = [
    "/api/definitions", "/api/segments", "/api/plan", "/api/catalogue", "/api/users", "/api/dlq",
]  # fmt: skip
PASSWORD = "secret enough"


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def user_of(tenant: Tenant) -> User:
    user = User.objects.create_user(f"member-{tenant.slug}", password=PASSWORD)
    Membership.objects.create(project_id=tenant.id, user=user)
    return user


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme and globex, each with a metric of its own name."""
    define(acme.id, "ours")
    define(globex.id, "theirs")
    return acme


@pytest.fixture
def browser(both: Tenant, globex: Tenant) -> Client:
    """A browser in which a member of globex is logged in."""
    client = Client()
    client.force_login(user_of(globex))
    return client


def defined(client: Client, **headers: Any) -> list[str]:
    answer = client.get("/api/definitions", **headers)
    assert answer.status_code == 200, answer.content
    return [one["name"] for one in answer.json()["definitions"]]


# --- a password -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", READS)
def test_a_member_reads_with_name_and_password(acme: Tenant, path: str) -> None:
    user_of(acme)
    assert Client().get(path, HTTP_AUTHORIZATION=basic("member-acme")).status_code == 200
    assert Client().get(path, HTTP_AUTHORIZATION=basic("member-acme", "wrong")).status_code == 401


def test_a_preview_takes_a_password_and_a_key(acme: Tenant) -> None:
    user_of(acme)
    body = json.dumps({"rules": {"did": "buy"}})
    for header in (basic("member-acme"), basic(acme.read_key, "")):
        answer = Client().post("/api/segments/preview", body, "application/json", HTTP_AUTHORIZATION=header)
        assert answer.status_code == 200, header


def test_a_password_reads_only_its_member_s_projects(both: Tenant, globex: Tenant) -> None:
    user_of(both)
    header = {"HTTP_AUTHORIZATION": basic("member-acme")}
    assert defined(Client(), **header) == ["ours"]
    assert Client().get("/api/definitions?project=globex", **header).status_code == 404


@pytest.mark.parametrize("password", ["", "anything"])
def test_a_user_name_that_looks_like_a_key_is_one_and_costs_no_hash(both: Tenant, password: str) -> None:
    with (
        patch("django.contrib.auth.authenticate", side_effect=AssertionError),
        patch("rest_framework.authentication.authenticate", side_effect=AssertionError),
    ):
        assert defined(Client(), HTTP_AUTHORIZATION=basic(both.read_key, password)) == ["ours"]
        for name, status in ((both.write_key, 403), ("slr_unknown", 401)):
            answer = Client().get("/api/definitions", HTTP_AUTHORIZATION=basic(name, password))
            assert answer.status_code == status


def test_wrong_passwords_are_counted_for_reads_too(acme: Tenant) -> None:
    answers = [Client().get("/api/dlq", HTTP_AUTHORIZATION=basic("nobody")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].json()["code"] == "too_many_requests"
    assert acme.get("/api/dlq").status_code == 200


# --- a key goes before a cookie -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["bearer", "header", "basic"])
def test_a_key_goes_before_a_cookie(browser: Client, both: Tenant, way: str) -> None:
    key = both.read_key
    headers = {
        "bearer": {"HTTP_AUTHORIZATION": f"Bearer {key}"},
        "header": {"HTTP_X_API_KEY": key},
        "basic": {"HTTP_AUTHORIZATION": basic(key, "")},
    }[way]
    assert defined(browser) == ["theirs"]
    assert defined(browser, **headers) == ["ours"]


def test_a_password_goes_before_a_cookie(browser: Client, both: Tenant) -> None:
    user_of(both)
    assert defined(browser, HTTP_AUTHORIZATION=basic("member-acme")) == ["ours"]


@pytest.mark.parametrize("path", READS)
def test_a_cookie_that_is_over_spoils_no_key(acme: Tenant, path: str) -> None:
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = "over"
    assert stale.get(path, HTTP_AUTHORIZATION=f"Bearer {acme.read_key}").status_code == 200
    assert stale.get(path).status_code == 401


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer", "Digest a", "Basic !!!"])
def test_a_wrong_credential_does_not_fall_back_to_the_cookie(browser: Client, header: str) -> None:
    assert browser.get("/api/definitions", HTTP_AUTHORIZATION=header).status_code == 401


def test_a_preview_and_the_dead_letters_go_by_the_key_as_well(
    browser: Client, both: Tenant, globex: Tenant
) -> None:
    acme_key: dict[str, Any] = {"HTTP_X_API_KEY": both.read_key}
    for path in ("/api/segments/preview?project=globex", "/api/segments/preview"):
        body = json.dumps({"rules": {"did": "buy"}})
        with patch("metrics.api.audience.size_of", wraps=size_of) as size:
            browser.post(path, body, "application/json", **acme_key)
        assert size.call_args.args[0].project_id == both.id
    both.send([{"type": "x", "userId": "u" * 300}, {"type": "x", "userId": "u"}])
    process_all()
    assert len(browser.get("/api/dlq", **acme_key).json()["letters"]) == 1
    assert browser.get("/api/dlq").json()["letters"] == []


@pytest.mark.parametrize("kind", ["read_key", "write_key"])
def test_a_key_changes_nothing_even_beside_a_cookie(
    browser: Client, both: Tenant, globex: Tenant, kind: str
) -> None:
    create_segment(project_id=globex.id, name="some", by="test", users=["u"])
    plan(globex.id)
    changes = [
        ("DELETE", "/api/definitions/theirs", ""), ("DELETE", "/api/segments/some", ""),
        ("DELETE", "/api/plan/order", ""), ("POST", "/api/dlq/discard", '{"ids": [1]}'),
    ]  # fmt: skip
    for method, path, body in changes:
        answer = browser.generic(
            method, path, body, "application/json", HTTP_AUTHORIZATION=f"Bearer {getattr(both, kind)}"
        )
        assert (answer.status_code, "log in" in answer.json()["message"]) == (403, True), path
    assert defined(browser) == ["theirs"]


def test_who_says_nothing_hears_what_to_say(acme: Tenant) -> None:
    answer = Client().get("/api/definitions")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert "Bearer KEY" in answer.json()["message"]
