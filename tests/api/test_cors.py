"""Pages of any origin may send events; nothing else is open to them."""

from __future__ import annotations

from typing import Any

from django.test import Client

from tests.support.tenants import Tenant

HELLO: dict[str, Any] = {"type": "hello", "userId": "u1"}
ORIGIN = {"HTTP_ORIGIN": "https://shop.example"}


def test_a_preflight_is_answered_without_a_key(pipeline: None) -> None:
    answer = Client().options(
        "/api/events",
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization, content-type, idempotency-key",
        **ORIGIN,
    )
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer["Access-Control-Allow-Methods"]
    assert "idempotency-key" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


def test_every_answer_to_an_ingest_request_may_be_read_by_the_page(acme: Tenant) -> None:
    for answer in (
        acme.send(HELLO, **ORIGIN),
        acme.send(b"{", **ORIGIN),
        acme.send(HELLO, HTTP_AUTHORIZATION=""),
    ):
        assert answer["Access-Control-Allow-Origin"] == "*", answer.status_code
        assert "Access-Control-Allow-Credentials" not in answer


def test_answers_to_questions_are_for_no_page(acme: Tenant) -> None:
    answer = Client().get(
        "/api/metrics", {"metric": "count"}, HTTP_AUTHORIZATION=f"Bearer {acme.read_key}", HTTP_ORIGIN="null"
    )
    assert "Access-Control-Allow-Origin" not in answer


def test_other_methods_are_not_allowed(acme: Tenant) -> None:
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        assert Client().generic(method, "/api/events").status_code == 405
