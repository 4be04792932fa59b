"""HTTP Basic for people's names and passwords, bounded: checking a password is slow on purpose."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.request import Request

from events.gateway.auth import sends_key

#: Wrong passwords an address may send in a minute, to each web process.
_FAILURES, _SECONDS = 5, 60


class LimitedBasicAuthentication(BasicAuthentication):
    """Refuses with 429, before looking at the password, an address that was wrong too often.

    A key is no login, and goes before one that the browser has: 403 where nobody else took it.
    """

    def authenticate(self, request: Request) -> Any:
        """Return (user, None), or None where no name is sent. Raises PermissionDenied and as below."""
        if sends_key(request._request):
            raise PermissionDenied("A key only reads: log in for this, with user name and password.")
        return super().authenticate(request)

    def authenticate_credentials(self, userid: str, password: str, request: Request | None = None) -> Any:
        """Return (user, None). Raises Throttled or AuthenticationFailed."""
        key = f"basic-failures:{request.META.get('REMOTE_ADDR', '') if request else ''}"
        if cache.get(key, 0) >= _FAILURES:
            raise Throttled(wait=_SECONDS)
        if "\x00" in userid + password:
            raise AuthenticationFailed("Invalid username/password.")
        try:
            return super().authenticate_credentials(userid, password, request)
        except AuthenticationFailed:
            _count(key)
            raise


def _count(key: str) -> None:
    """Count a wrong password for a minute from the first on: the count may have ended while this one was checked."""
    if cache.add(key, 1, _SECONDS):
        return
    try:
        cache.incr(key)
    except ValueError:
        cache.add(key, 1, _SECONDS)


class LimitedBasicScheme(OpenApiAuthenticationExtension):
    """Tells the OpenAPI document of it."""

    target_class = "metrics.api.basic.LimitedBasicAuthentication"
    name = "basicAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "basic"}
