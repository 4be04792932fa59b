"""Who may do what: kinds of keys, unknown and revoked ones, and whose project is meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from events.gateway.auth import keys
from events.models import ApiKey
from events.services import revoke_key
from tests.support.pipeline import event, store_all
from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}
READS = ["/api/metrics?metric=count", "/api/sessions", "/api/dlq", "/api/events?eventId=x"]


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


@pytest.mark.parametrize("path", READS)
def test_a_read_key_reads(acme: Tenant, path: str) -> None:
    assert Client().get(path, **bearer(acme.read_key)).status_code == 200


@pytest.mark.parametrize("path", READS[:3])
def test_a_write_key_reads_nothing(acme: Tenant, path: str) -> None:
    assert Client().get(path, **bearer(acme.write_key)).status_code == 403


@pytest.mark.parametrize("path", READS[:3])
def test_a_key_in_the_query_never_reads(acme: Tenant, path: str) -> None:
    joined = path + ("&" if "?" in path else "?")
    assert Client().get(f"{joined}readKey={acme.read_key}").status_code == 401


def test_a_read_key_does_not_write(acme: Tenant) -> None:
    assert acme.send(HELLO, **bearer(acme.read_key)).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer nonsense",
        "Bearer ' OR 1=1 --",
        "Bearer " + "x" * 8000,
        "Basic !!!",
        "Digest a",
        "Bearer a\x00b",
    ],
)
def test_without_a_known_key_nothing_is_accepted(acme: Tenant, header: str) -> None:
    answer = acme.send(HELLO, HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


def test_an_empty_header_does_not_fall_back_to_another_place(acme: Tenant) -> None:
    answer = acme.send(HELLO, HTTP_AUTHORIZATION="Bearer nonsense", HTTP_X_API_KEY=acme.write_key)
    assert answer.status_code == 401


def test_a_revoked_key_stops_working(acme: Tenant) -> None:
    assert acme.send(HELLO).status_code == 202
    assert revoke_key(key=ApiKey.objects.get(token=acme.write_key))
    keys.clear()
    assert acme.send(HELLO).status_code == 401
    assert acme.get("/api/metrics", metric="count").status_code == 200


def test_revoking_twice_keeps_the_first_time(acme: Tenant) -> None:
    key = ApiKey.objects.get(token=acme.write_key)
    assert revoke_key(key=key)
    assert not revoke_key(key=key)


def test_a_read_key_is_stored_only_as_its_hash(acme: Tenant) -> None:
    row = ApiKey.objects.values().get(project_id=acme.id, kind="read")
    assert acme.read_key not in str(row)
    assert row["token"] == ""


@pytest.mark.parametrize("name", ["project", "project_id", "projectId", "tenant"])
def test_the_project_comes_from_the_key_alone(acme: Tenant, globex: Tenant, name: str) -> None:
    store_all(acme.id, [event("secret")])
    span = "2025-06-02/2025-06-03"
    answer = globex.get("/api/metrics", metric="count", range=span, **{name: str(acme.id)}).json()
    assert answer["series"][0]["total"] == 0
    listed = globex.get("/api/sessions", range=span, userId="secret", **{name: acme.slug}).json()
    assert listed["sessions"] == []
