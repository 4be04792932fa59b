"""The one shape of errors, and what decides status, code and headers."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.test import RequestFactory
from rest_framework import exceptions

from config import api_errors
from config.bodies import BodyTooLarge
from config.lib.errors import SluiceError
from config.middleware import ContentSecurityPolicyMiddleware, RequestContextMiddleware


class Busy(SluiceError):
    """Too much at once."""

    code = "busy"
    http_status = 503


def django_error(cause: psycopg.Error) -> OperationalError:
    error = OperationalError("secret details")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Busy(), 503, "busy"),
        (exceptions.NotAuthenticated(), 401, "unauthorized"),
        (exceptions.PermissionDenied(), 403, "forbidden"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("x/y"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=3), 429, "too_many_requests"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (DisallowedHost(), 400, "bad_request"),
        (RequestDataTooBig(), 413, "too_large"),
        (MemoryError(), 503, "unavailable"),
        (OperationalError("the server is away"), 503, "unavailable"),
        (psycopg.OperationalError("the server is away"), 503, "unavailable"),
        (django_error(psycopg.errors.QueryCanceled()), 503, "query_timeout"),
        (IntegrityError("a bug of ours"), 500, "internal_error"),
        (RuntimeError("a bug of ours"), 500, "internal_error"),
    ],
)
def test_every_error_has_one_shape(error: Exception, status: int, code: str) -> None:
    answer = api_errors.answer(error)
    body = json.loads(answer.content)
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["message"] and body["detail"] == body["message"]
    assert "requestId" in body
    assert "secret" not in body["message"] and "ours" not in body["message"]


def test_a_body_that_did_not_come_is_told_by_its_own_error() -> None:
    wrapped = UnreadablePostError("secret details")
    assert api_errors.answer(wrapped).status_code == 400
    wrapped.__cause__ = BodyTooLarge()
    answer = api_errors.answer(wrapped)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (413, "too_large")


def test_retry_after_is_a_header_that_scripts_may_read() -> None:
    answer = api_errors.answer(Busy(retry_after=1.2))
    assert answer["Retry-After"] == "2"
    assert answer["Access-Control-Expose-Headers"] == "Retry-After"
    assert "retry_after" not in json.loads(answer.content)


def test_errors_of_events_stand_in_the_body() -> None:
    errors = [{"index": 3, "field": "userId", "code": "required", "message": "userId is required"}]
    assert json.loads(api_errors.answer(Busy(errors=errors)).content)["errors"] == errors


def test_drf_passes_on_what_nobody_foresaw() -> None:
    assert api_errors.handle(RuntimeError("a bug"), {}) is None


def request(path: str, **headers: str) -> HttpRequest:
    return RequestFactory(headers=headers).get(path)


def answered(path: str, response: HttpResponse | None = None, **headers: str) -> Any:
    middleware = RequestContextMiddleware(lambda _: response or HttpResponse("ok"))
    return middleware(request(path, **headers))


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
def test_a_valid_request_id_is_kept(given: str) -> None:
    assert answered("/", **{"X-Request-Id": given})["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "é", "a\tb"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    made = answered("/", **{"X-Request-Id": given})["X-Request-Id"]
    assert made != given and len(made) == 16


@pytest.mark.parametrize("path", ["/api/nothing", "/health/nothing"])
def test_programs_never_get_a_page(path: str) -> None:
    page = HttpResponse("<h1>Not found</h1>", status=404)
    answer = answered(path, page, **{"X-Request-Id": "me"})
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content)["requestId"] == "me"


def test_a_wrong_host_is_refused_as_json_below_api() -> None:
    answer = answered("/api/events", Host="evil.example")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "bad_request")


def test_pages_allow_no_inline_script_or_style() -> None:
    answer = ContentSecurityPolicyMiddleware(lambda _: HttpResponse("page"))(request("/"))
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_scripts_are_never_inline_even_where_styles_may_be() -> None:
    for path in ("/admin/", "/api/docs"):
        policy = ContentSecurityPolicyMiddleware(lambda _: HttpResponse("page"))(request(path))
        scripts = next(
            rule for rule in policy["Content-Security-Policy"].split("; ") if rule.startswith("script-src")
        )
        assert scripts == "script-src 'self'"


@pytest.mark.parametrize(
    ("error", "level", "line"),
    [
        (
            OperationalError("refused\nIs it running?"),
            "WARNING",
            "the database is away, requests are answered 503: ",
        ),
        (
            psycopg.errors.InsufficientPrivilege("permission denied for table event"),
            "ERROR",
            "a role lacks a grant: ",
        ),
    ],
)
def test_what_every_request_meets_is_logged_without_a_traceback(
    error: Exception, level: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    api_errors.answer(error)
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == (level, None)
    assert record.getMessage().startswith(line)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), django_error(psycopg.errors.QueryCanceled())])
def test_other_faults_keep_their_traceback(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    api_errors.answer(error)
    assert [record.exc_info is not None for record in caplog.records] == [True]
