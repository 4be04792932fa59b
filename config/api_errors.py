"""One shape for every error that a program sees: code, message, detail, requestId and, where there are any, errors."""

from __future__ import annotations

import http
import logging
import math
from typing import Any, TypeVar

import psycopg
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.lib.errors import SluiceError
from config.lib.reachable import reason
from config.logs import request_id

logger = logging.getLogger("sluice.request")
Answer = TypeVar("Answer", bound=HttpResponseBase)

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
_MESSAGES = {
    404: "There is nothing at this address.",
    500: "Something went wrong here; the logs hold it under this request id.",
    503: "The database cannot answer now; try again.",
}
_QUERY_CANCELED = "57014"
#: Seconds after which a client may ask again when the database is away.
RETRY_AFTER = 2


class Refusal:
    """An answer in the making: status, code, message, headers and further keys of the body."""

    def __init__(self, status: int, code: str = "", message: str = "", **more: Any) -> None:
        self.status = status
        self.headers: dict[str, str] = {}
        retry_after = more.pop("retry_after", None)
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
            # A page's script may read it too.
            self.headers["Access-Control-Expose-Headers"] = "Retry-After"
        code, message = code or _CODES.get(status, "error"), message or _phrase(status)
        self.body = {
            "code": code,
            "message": message,
            "detail": message,
            "requestId": request_id.get(),
            **more,
        }


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what a DRF view raised; None, which passes the exception on, for what nobody foresaw."""
    refusal = _refusal(exc)
    if refusal is None:
        return None
    set_rollback()
    _log(refusal, exc)
    response = Response(refusal.body, status=refusal.status, headers=refusal.headers)
    return _logged(response)


def answer(exc: Exception) -> HttpResponse:
    """Answer what was raised outside of DRF; what nobody foresaw becomes a 500."""
    refusal = _refusal(exc) or Refusal(500)
    _log(refusal, exc)
    return _respond(refusal)


def plain(status: int) -> HttpResponse:
    """Return the answer for a bare status."""
    return _respond(Refusal(status))


def _respond(refusal: Refusal) -> HttpResponse:
    response = JsonResponse(refusal.body, status=refusal.status, headers=refusal.headers)
    # What CommonMiddleware and SecurityMiddleware add, should it be refused before they are reached.
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["X-Content-Type-Options"] = "nosniff"
    return _logged(response)


def _log(refusal: Refusal, exc: Exception) -> None:
    """Log what an operator must see: not a full bus or another refusal of our own, which are counted instead."""
    if refusal.status < 500 or isinstance(exc, SluiceError):
        return
    if refusal.body["code"] == _CODES[503] and is_away(exc):
        # Every request meets it: where in our code says nothing.
        logger.warning("the database is away, requests are answered 503: %s", reason(exc))
    elif lacks_grant(exc):
        logger.error("a role lacks a grant: %s", reason(exc))
    else:
        logger.error("request failed: %s", refusal.body["code"], exc_info=exc)


def _logged(response: Answer) -> Answer:
    """Keep Django from logging the same answer a second time."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _refusal(exc: Exception) -> Refusal | None:
    match exc:
        case SluiceError():
            return Refusal(exc.http_status, exc.code, exc.message, **exc.extra)
        case exceptions.APIException():
            return _of_drf(exc)
        case Http404():
            return Refusal(404)
        case PermissionDenied():
            return Refusal(403)
        case MemoryError():
            # Another process of ours may have room, and this one when it has answered the others.
            return Refusal(503, message="Memory is short here now; try again.", retry_after=RETRY_AFTER)
        case RecursionError():
            return Refusal(400, message="The request is nested too deeply.")
        case RequestDataTooBig():
            return Refusal(413)
        case UnreadablePostError():
            # Django wraps what reading a body raises; our own says more.
            return _refusal(exc.__cause__) if isinstance(exc.__cause__, SluiceError) else Refusal(400)
        case SuspiciousOperation():
            return Refusal(400)
        case DatabaseError() | InterfaceError() | psycopg.Error():
            return _of_database(exc)
    return None


def _of_drf(exc: exceptions.APIException) -> Refusal:
    more: dict[str, Any] = {}
    if isinstance(exc, exceptions.ValidationError):
        more["errors"] = _fields(exc.detail)
    message = exc.detail if isinstance(exc.detail, str) else "The request breaks a rule."
    refusal = Refusal(exc.status_code, "", str(message), retry_after=getattr(exc, "wait", None), **more)
    challenge = getattr(exc, "auth_header", None)
    if challenge:
        refusal.headers["WWW-Authenticate"] = challenge
    return refusal


def _fields(detail: Any) -> list[dict[str, str]]:
    """Return DRF's field errors as a list of {field, code, message}."""
    by_field = detail if isinstance(detail, dict) else {"": detail}
    return [
        {"field": str(field), "code": getattr(error, "code", "invalid"), "message": str(error)}
        for field, found in by_field.items()
        for error in (found if isinstance(found, list) else [found])
    ]


def _of_database(exc: Exception) -> Refusal | None:
    """Return 503 for a database that is away or busy, 400 for a value it refuses; None for an error of ours."""
    cause = exc if isinstance(exc, psycopg.Error) else exc.__cause__
    if getattr(cause, "sqlstate", None) == _QUERY_CANCELED:
        message = "The question took longer than QUERY_TIMEOUT_MS; ask for a shorter range or a coarser step."
        return Refusal(503, "query_timeout", message, retry_after=RETRY_AFTER)
    if (getattr(cause, "sqlstate", None) or "").startswith("22") or isinstance(cause, psycopg.DataError):
        # A value that no check of ours foresaw: NUL, a number out of range. It is the request's fault.
        return Refusal(400, message="The request holds a value that the database cannot take.")
    return Refusal(503, retry_after=RETRY_AFTER) if is_away(exc) else None


def is_away(exc: BaseException | None) -> bool:
    """Tell whether an error means that the database cannot be reached now, or takes no writes."""
    away = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
    read_only = psycopg.errors.ReadOnlySqlTransaction
    return isinstance(exc, (*away, read_only)) or isinstance(getattr(exc, "__cause__", None), read_only)


def lacks_grant(exc: BaseException | None) -> bool:
    """Tell whether an error means that the role of a URL may not do what was asked of it."""
    lacking = psycopg.errors.InsufficientPrivilege
    return isinstance(exc, lacking) or isinstance(getattr(exc, "__cause__", None), lacking)


def _phrase(status: int) -> str:
    return _MESSAGES.get(status) or http.HTTPStatus(status).phrase + "."
