"""The cache of answers where there is no Redis: in the process's memory, of which it takes no more than it may."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache

#: One value may take this part of the whole: a huge one must not push out all others.
_SHARE = 4


class BoundedMemoryCache(LocMemCache):
    """Django's cache in memory, with `MAX_BYTES` beside `MAX_ENTRIES`: what was used longest ago goes first."""

    _cache: OrderedDict[str, bytes]
    _expire_info: dict[str, float | None]

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(name, params)
        self._max_bytes = int(params["OPTIONS"]["MAX_BYTES"])

    def _set(self, key: str, value: bytes, timeout: Any = DEFAULT_TIMEOUT) -> None:
        """Keep what was pickled; the caller holds the lock."""
        if len(value) > self._max_bytes // _SHARE:
            self._delete(key)  # type: ignore[attr-defined]
            return
        super()._set(key, value, timeout)  # type: ignore[misc]
        held = sum(len(one) for one in self._cache.values())
        while held > self._max_bytes:
            oldest, dropped = self._cache.popitem()
            del self._expire_info[oldest]
            held -= len(dropped)
