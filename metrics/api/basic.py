"""HTTP Basic for people's names and passwords, bounded: checking a password is slow on purpose."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

#: Wrong passwords an address may send in a minute, to each web process.
_FAILURES, _SECONDS = 5, 60


class LimitedBasicAuthentication(BasicAuthentication):
    """Refuses with 429, before looking at the password, an address that was wrong too often."""

    def authenticate_credentials(self, userid: str, password: str, request: Request | None = None) -> Any:
        """Return (user, None). Raises Throttled or AuthenticationFailed."""
        key = f"basic-failures:{request.META.get('REMOTE_ADDR', '') if request else ''}"
        if int(cache.get_or_set(key, 0, _SECONDS) or 0) >= _FAILURES:
            raise Throttled(wait=_SECONDS)
        if "\x00" in userid + password:
            raise AuthenticationFailed("Invalid username/password.")
        try:
            return super().authenticate_credentials(userid, password, request)
        except AuthenticationFailed:
            cache.incr(key)
            raise


class LimitedBasicScheme(OpenApiAuthenticationExtension):
    """Tells the OpenAPI document of it."""

    target_class = "metrics.api.basic.LimitedBasicAuthentication"
    name = "basicAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "basic"}
