"""Who is calling: a project's key, found in the request and looked up by its SHA-256.

Lookups are kept in memory for `KEY_CACHE_SECONDS`, which is also how long a revoked key may still work.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.lib import sqlfile
from events.gateway.known_keys import KnownKeys, Row
from events.gateway.lookups import lookups
from events.gateway.quota import Quota, quota_of
from events.models import ApiKey
from events.services import PREFIX

SQL = sqlfile.load(__file__, "lookups.sql")
#: How much of the time for an answer a lookup may take. Without it a stranger's request is over anyway; a known
#: key's goes on, and the bus and the spool need the rest.
_STRANGER_SHARE, _KNOWN_SHARE = 0.75, 0.1
_LONGEST_TOKEN = 200
_CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Key:
    """A valid key: whose project it speaks for, what it may do, and how much; `plan` is its plan's version, 0: none."""

    project_id: int
    kind: str
    quota: Quota | None = None
    plan: int = 0


class KeyCache:
    """Remembers keys, and for as long that a token is unknown, so that guessing costs the database little.

    What has become old is still served while one thread asks again, and when the database cannot answer.
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Key | None]] = {}
        self._lock = threading.Lock()
        self._disk: KnownKeys | None = None

    def keep_at(self, path: Path) -> None:
        """Note what is found in a file too, for processes that start while the database is away."""
        self._disk = KnownKeys(path)

    def get(self, token: str) -> Key | None:
        """Return the key of `token`, or None if there is none."""
        hit = self._found.get(token)
        if hit and hit[0] > time.monotonic():
            return hit[1]
        if hit:
            self._remember(token, hit[1])
        on_disk = self._disk.find(digest(token)) if self._disk and hit is None else None
        try:
            row = _look_up(token, _KNOWN_SHARE if hit or on_disk else _STRANGER_SHARE)
        except psycopg.Error:
            if hit is not None:
                return hit[1]
            if on_disk is None:
                raise
            row = on_disk
        else:
            if self._disk:
                self._disk.note(digest(token), row)
        key = _key(row)
        self._remember(token, key)
        return key

    def _remember(self, token: str, key: Key | None) -> None:
        with self._lock:
            if len(self._found) >= _CACHE_SIZE:
                self._found.clear()
            self._found[token] = (time.monotonic() + settings.KEY_CACHE_SECONDS, key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._found.clear()


keys = KeyCache()


def digest(token: str) -> bytes:
    """Return what of a key is stored and looked up. Keys are random and long: a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _look_up(token: str, share: float) -> Row | None:
    """Ask the database, for `share` of the time that an answer may take. Raises psycopg.Error."""
    with lookups.cursor(settings.ACK_DEADLINE_MS / 1000 * share) as cursor:
        return cursor.execute(SQL["key"], {"digest": digest(token)}).fetchone()


def _key(row: Row | None) -> Key | None:
    if row is None:
        return None
    project_id, kind, rate, burst, plan = row
    return Key(project_id, kind, quota_of(project_id, rate, burst), plan)


def token_of(request: HttpRequest) -> str:
    """Return the key that the request carries: Bearer, X-Api-Key, Basic user name, or `?writeKey=`; else ''."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            return value.strip()
        if scheme.lower() == "basic":
            return _basic_user(value)
        return ""
    return request.META.get("HTTP_X_API_KEY", "") or (
        request.GET.get("writeKey", "") if request.META.get("QUERY_STRING") else ""
    )


def sends_key(request: HttpRequest) -> bool:
    """Tell whether a request that may name a person instead carries a key, be it a wrong one.

    A Basic user name is one where it looks like one.
    """
    scheme, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0], token_of(request)
    if scheme.lower() == "basic":
        return token.startswith(tuple(PREFIX.values()))
    return bool(scheme or token)


def _basic_user(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class KeyAuthentication(BaseAuthentication):
    """Finds the request's key; only keys of `kind` may pass."""

    kind: str

    def authenticate(self, request: Request) -> tuple[None, Key]:
        """Return (no user, the key). Raises AuthenticationFailed (401) or PermissionDenied (403)."""
        token = token_of(request._request)
        if not token or len(token) > _LONGEST_TOKEN:
            raise AuthenticationFailed("A key is required: Authorization: Bearer KEY, or X-Api-Key: KEY.")
        key = keys.get(token)
        if key is None:
            raise AuthenticationFailed("This key is unknown or was revoked.")
        if key.kind != self.kind:
            raise PermissionDenied(f"This needs a {self.kind} key; the one given is a {key.kind} key.")
        return None, key

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return "Bearer"


class ReadKeyAuthentication(KeyAuthentication):
    """Lets read keys ask questions about their project."""

    kind = ApiKey.Kind.READ


class WriteKeyAuthentication(KeyAuthentication):
    """Lets write keys ingest into their project."""

    kind = ApiKey.Kind.WRITE


class HasProjectKey(BasePermission):
    """Every answer needs a key; the project is the key's, whatever the request says."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the request has a key."""
        return isinstance(request.auth, Key)


def key_of(request: Request) -> Key:
    """Return the request's key."""
    key: object = request.auth
    assert isinstance(key, Key), "a permission let a request without a key through"
    return key


def project_of(request: Request) -> int:
    """Return the project that the request's key speaks for."""
    return key_of(request).project_id
