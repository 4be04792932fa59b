"""A token bucket in memory."""

from __future__ import annotations

import time
from collections.abc import Callable


class Bucket:
    """Refills at `rate` tokens a second up to `burst`; full when new. Not safe between threads."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self, tokens: float) -> float:
        """Take tokens and return 0, or take none and return the seconds until there are as many."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + self._rate * (now - self._at))
        self._at = now
        if self._tokens < tokens:
            return (tokens - self._tokens) / self._rate
        self._tokens -= tokens
        return 0.0
