"""What every request passes: its id, the check of its host, JSON errors for programs, and headers for browsers.

`POST /api/events` passes here thousands of times a second: each step is a few comparisons.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config import api_errors
from config.logs import request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
#: Below these, every answer is JSON, whatever went wrong.
_PROGRAMS = ("/api/", "/health/")
#: A wildcard in ALLOWED_HOSTS lets clients send any number of names.
_HOSTS_KEPT = 100


class RequestContextMiddleware:
    """The outermost step: gives the request its id, and programs their JSON errors."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._good_hosts: set[str] = set()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request; `X-Request-Id` is the client's if it is valid, else a new one."""
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        ident = given if _VALID_ID(given) else secrets.token_hex(8)
        request_id.set(ident)
        response = self._answer(request)
        if response.status_code >= 400 and request.path_info.startswith(_PROGRAMS):
            response = _as_json(response)
        response["X-Request-Id"] = ident
        # The lean path misses CommonMiddleware, which does this: without a length, some clients wait for the close.
        if isinstance(response, HttpResponse) and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            if request.META.get("HTTP_HOST") not in self._good_hosts:
                self._check_host(request)
        except DisallowedHost as error:
            if request.path_info.startswith(_PROGRAMS):
                return api_errors.answer(error)
        return self.get_response(request)

    def _check_host(self, request: HttpRequest) -> None:
        """Raise DisallowedHost for a wrong host: a view that builds no URL would never notice. Good ones are kept."""
        request.get_host()
        if len(self._good_hosts) < _HOSTS_KEPT:
            self._good_hosts.add(request.META.get("HTTP_HOST", ""))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer what a view below /api/ or /health/ raised; the pages keep Django's ways."""
        if not request.path_info.startswith(_PROGRAMS):
            return None
        return api_errors.answer(exception)


def _as_json(response: HttpResponseBase) -> HttpResponseBase:
    """Return `response`, or the same refusal as JSON when it is a page or empty."""
    if response.get("Content-Type", "").startswith(("application/json", "application/problem+json")):
        return response
    refusal = api_errors.plain(response.status_code)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response:
            refusal[name] = response[name]
    # Closing the page itself would announce the end of a request that still goes on.
    refusal._resource_closers.extend(response._resource_closers)  # type: ignore[attr-defined]
    return refusal


_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Swagger UI and the admin's widgets set styles from their scripts.
_STYLED = _STRICT.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class ContentSecurityPolicyMiddleware:
    """Tells browsers to run and load nothing but our own files, and to show our pages in nobody's frame."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the headers to pages; answers to programs have no use for them."""
        response = self.get_response(request)
        path = request.path_info
        if path.startswith("/api/") and not path.startswith("/api/docs"):
            return response
        styled = path.startswith(("/api/docs", "/admin/"))
        response.headers.setdefault("Content-Security-Policy", _STYLED if styled else _STRICT)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        return response
