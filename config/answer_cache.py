"""The cache of answers where it is Redis (CACHE_URL): shared by all processes, and never needed.

While Redis is away it counts as empty, so each process computes for itself. Answers are pickled: whoever may write to
that Redis may run code here, as whoever may write to the database may.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger("sluice.cache")
Found = TypeVar("Found")
#: Seconds that one command may take, and for which Redis is left alone after one that failed.
_PATIENCE, _REST = 0.25, 2.0
#: The files that make answers: what a question means is in both.
_SOURCES = ("*.py", "*.sql")


class CalmRedisCache(RedisCache):
    """Django's Redis cache; what cannot be had from it is not there, and what cannot be written is forgotten."""

    #: Of all threads: Django makes each its own object.
    _resting_until = -math.inf

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        quick = {"socket_connect_timeout": _PATIENCE, "socket_timeout": _PATIENCE}
        options = params.get("OPTIONS", {}) | quick | {"retry": Retry(NoBackoff(), 0)}
        super().__init__(server, params | {"OPTIONS": options})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return what is kept, else `default`."""
        return self._calmly(default, lambda: super(CalmRedisCache, self).get(key, default, version))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keep a value for `timeout` seconds."""
        self._calmly(None, lambda: super(CalmRedisCache, self).set(key, value, timeout, version))

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep a value where there is none; False where there is one. While Redis is away nobody is in the way."""
        return self._calmly(True, lambda: super(CalmRedisCache, self).add(key, value, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forget a value; tell whether it was there."""
        return self._calmly(False, lambda: super(CalmRedisCache, self).delete(key, version))

    def _calmly(self, otherwise: Found, command: Callable[[], Found]) -> Found:
        if time.monotonic() < CalmRedisCache._resting_until:
            return otherwise
        try:
            return command()
        except (RedisError, OSError) as error:
            CalmRedisCache._resting_until = time.monotonic() + _REST
            # Its message may name the address; which error it is says enough.
            logger.warning("the cache cannot be reached, answers are computed: %s", type(error).__name__)
            return otherwise


def key(name: str, prefix: str, version: int) -> str:
    """Return the name that a value has in Redis: only the same release of the same installation finds it."""
    return f"sluice:{_owner()}:{name}"


@cache
def _owner() -> str:
    """Tell installations that share a Redis apart, and releases whose answers have other forms or numbers."""
    database = settings.DATABASES["default"]
    ours = settings.SECRET_KEY, *(database[one] for one in ("HOST", "PORT", "NAME"))
    known = sha256(repr((ours, settings.SESSION_GAP_MINUTES)).encode())
    folders = [settings.BASE_DIR / name for name in ("metrics", "sessions")]
    for source in sorted(one for folder in folders for kind in _SOURCES for one in folder.rglob(kind)):
        known.update(source.read_bytes())
    return known.hexdigest()[:16]
