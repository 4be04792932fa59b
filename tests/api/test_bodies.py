"""Bodies that are no JSON, wherever one is taken: the code says so, and the message why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.tenants import Tenant

TAKE_JSON = [
    ("POST", "/api/definitions"), ("POST", "/api/segments"), ("PUT", "/api/segments/x"),
    ("PUT", "/api/segments/x/users"), ("POST", "/api/segments/preview"), ("PUT", "/api/plan"),
    ("PUT", "/api/plan/x"), ("POST", "/api/dlq/replay"), ("POST", "/api/dlq/discard"), ("POST", "/api/funnels"),
]  # fmt: skip


def send(method: str, path: str, body: bytes, tenant: Tenant) -> Any:
    client = Client()
    headers: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {tenant.read_key}"}
    if path not in ("/api/funnels", "/api/segments/preview"):
        client.force_login(User.objects.get_or_create(username="root", is_superuser=True)[0])
        headers = {}
    return client.generic(method, path, body, "application/json", **headers)


@pytest.mark.parametrize(("method", "path"), TAKE_JSON)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"name": 1e999}', "range"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": "\xff"}', "UTF-8"),
        (b"{", "Expecting"),
        (b'{"name": NaN}', "NaN"),
        (b"[" * 50_000, "deep"),
    ],
    ids=["a number out of range", "a key twice", "not UTF-8", "cut off", "NaN", "too deep"],
)
def test_what_is_no_json_is_called_so(acme: Tenant, method: str, path: str, body: bytes, reason: str) -> None:
    answer = send(method, path, body, acme)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json"), answer.content
    assert reason in answer.json()["message"]
