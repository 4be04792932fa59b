"""What every kind of answer carries for browsers, and that no page needs an inline script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from events.models import ApiKey
from tests.support.endpoints import routes
from tests.support.pipeline import process_all, rebuild_sessions, rows
from tests.support.tenants import Tenant

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_HANDLER = re.compile(r"<[^>]+\son[a-z]+\s*=", re.IGNORECASE)
_STYLE = re.compile(r"<style\b|<[^>]+\sstyle\s*=", re.IGNORECASE)
_DATA = re.compile(r"type=[\"']application/json[\"']")
#: Addresses that browsers show; the others are for programs.
ANSWERS = [
    ("/login", 200), ("/", 302), ("/p/acme/", 302), ("/nothing", 404), ("/admin/", 302), ("/admin/login/", 200),
    ("/api/docs", 200), ("/api/schema", 200), ("/api/events", 401), ("/api/metrics", 401), ("/api/nothing", 404),
    ("/health/live", 200), ("/metrics", 200), ("/static/vendor/htmx/LICENSE", 200), ("/static/nothing", 404),
]  # fmt: skip


@pytest.fixture
def operator(acme: Tenant) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="secret enough"))
    return client


@pytest.mark.parametrize(("path", "status"), ANSWERS)
def test_every_kind_of_answer_is_guarded(acme: Tenant, path: str, status: int) -> None:
    answer = Client().get(path)
    assert answer.status_code == status
    assert answer["X-Content-Type-Options"] == "nosniff"
    if answer.get("Content-Type", "").startswith("text/html") or status == 302:
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Permissions-Policy" in answer


@pytest.mark.parametrize("path", ["/login", "/api/metrics", "/health/live", "/admin/login/", "/metrics"])
def test_only_ingest_may_be_read_by_other_origins(acme: Tenant, path: str) -> None:
    answer = Client().get(path, HTTP_ORIGIN="https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer
    assert "Access-Control-Allow-Credentials" not in answer


def pages(acme: Tenant) -> list[str]:
    """Return an address for every page, those of the admin included."""
    ((session, user, day),) = rows("SELECT session_id, user_id, start_ts::date FROM session LIMIT 1")
    key = ApiKey.objects.filter(project_id=acme.id).values_list("pk", flat=True)[0]
    values = {
        "<slug:slug>": "acme", "<uuid:session_id>": str(session), "<user_id:user_id>": user, "<day:day>": str(day),
        "<operation:action>": "drop", "<path:object_id>": str(key), "<id>": "1", "<path:content_type_id>": "1",
        "^(?P<app_label>auth|events|dlq)/$": "events/",
    }  # fmt: skip
    found = []
    for route in routes():
        if route.startswith(("api/", "health/", "metrics")) and route != "api/docs":
            continue
        for name, value in values.items():
            route = route.replace(name, value)
        if "(?P" not in route:
            found.append("/" + route)
    return found


def test_no_page_holds_an_inline_script_or_handler(acme: Tenant, operator: Client) -> None:
    assert acme.send({"type": "page_view", "userId": "u1", "props": {"path": "/"}}).status_code == 202
    assert acme.send([{"type": "a", "userId": "u1"}, {"type": "", "userId": "u1"}]).status_code == 202
    process_all()
    rebuild_sessions()
    seen = 0
    for path in pages(acme):
        answer = operator.get(path)
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        seen += 1
        assert_clean(path, answer)
    assert seen > 25


def assert_clean(path: str, answer: Any) -> None:
    text, policy = answer.content.decode(), answer["Content-Security-Policy"]
    scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert scripts == "script-src 'self'", path
    for attributes, body in _SCRIPT.findall(text):
        assert "src=" in attributes or _DATA.search(attributes), (path, body[:80])
    assert not _HANDLER.search(text), (path, _HANDLER.search(text))
    if "'unsafe-inline'" not in policy:
        assert not _STYLE.search(text), path
