"""Keys and passwords never reach a log line or a metric, whichever way they come and whatever goes wrong."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.logs import RequestIdFilter, formatter
from events.gateway import views
from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged at any level, as it is written in production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    handler.addFilter(RequestIdFilter())
    root, level = logging.getLogger(), logging.getLogger().level
    request_log = logging.getLogger("django.request")
    kept = request_log.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    request_log.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
    request_log.setLevel(kept)


def ways(token: str) -> list[tuple[str, dict[str, str]]]:
    """Return (query, headers) of every way in which a key may come."""
    basic = base64.b64encode(f"{token}:".encode()).decode()
    return [
        ("", {"HTTP_AUTHORIZATION": f"Bearer {token}"}),
        ("", {"HTTP_AUTHORIZATION": f"Basic {basic}"}),
        ("", {"HTTP_AUTHORIZATION": f"Digest {token}"}),
        ("", {"HTTP_X_API_KEY": token}),
        (f"?writeKey={token}", {}),
    ]


def exercise(token: str) -> set[int]:
    """Ask everything in every way with a key; return the statuses."""
    client = Client(raise_request_exception=False)
    statuses: set[int] = set()
    for query, headers in ways(token):
        for path in ("/api/events", "/api/metrics", "/api/sessions", "/api/dlq", "/api/nothing", "/nothing"):
            statuses.add(client.get(path + query, **headers).status_code)  # type: ignore[arg-type]
        for body in (json.dumps(HELLO), "{broken", json.dumps({"type": token})):
            answer = client.post("/api/events" + query, body, "application/json", **headers)  # type: ignore[arg-type]
            statuses.add(answer.status_code)
        statuses.add(
            client.get("/health/live" + query, headers={"host": "evil.example"}, **headers).status_code
        )  # type: ignore[arg-type]
    return statuses


def test_keys_stay_out_of_the_log(acme: Tenant, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "slw_WrongButLooksLikeOneXXXXXXXXXXXXXXXXXXXXXXX"
    tokens = (acme.write_key, acme.read_key, wrong)
    statuses = set().union(*(exercise(token) for token in tokens))
    assert {200, 202, 400, 401, 403, 404} <= statuses
    monkeypatch.setattr(views, "encode", broken)
    assert 500 in exercise(acme.write_key)
    text = log.getvalue()
    assert "a bug of ours" in text, "the failure itself must be logged"
    secrets = [*tokens, *(base64.b64encode(f"{token}:".encode()).decode() for token in tokens)]
    assert [secret for secret in secrets if secret in text] == []
    metrics = Client().get("/metrics").content.decode()
    assert [secret for secret in secrets if secret in metrics] == []


def broken(*_: Any) -> None:
    raise RuntimeError("a bug of ours")


def test_a_password_stays_out_of_the_log(acme: Tenant, log: io.StringIO) -> None:
    User.objects.create_user("anna", password="very-secret-word")
    for password in ("very-secret-word", "wrong-secret-word"):
        Client().post("/login", {"username": "anna", "password": password})
        Client().post("/admin/login/", {"username": "anna", "password": password})
    assert "secret-word" not in log.getvalue()
