"""Tells how full the bus is and how long it takes to drain, from readings a fraction of a second apart."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from events.contracts import Depth

_FRESH_SECONDS = 0.25
_RATE_SECONDS = 2.0
_LONGEST_WAIT = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the bus: what waits, and how many events have ever left."""

    depth: Depth
    removed_events: int


class Gauge:
    """Holds the bus to its bounds. `read` is asked at most four times a second, whatever the load.

    `max_age` (seconds) bounds how long a batch may have waited for processors: what is hours behind does not catch up
    by taking more. Parked batches do not count, for they wait for another reason.
    """

    def __init__(
        self, read: Callable[[], Reading], *, max_events: int, max_bytes: int, max_age: float = math.inf
    ) -> None:
        self._read = read
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._read_at = -math.inf
        self._depth = Depth(0, 0, 0.0)
        self._window: tuple[float, int] | None = None
        self._per_second = 0.0

    def retry_after(self) -> int:
        """Return 0 while there is room, else the seconds until a tenth of the bus should have drained."""
        if time.monotonic() - self._read_at > _FRESH_SECONDS:
            self._refresh()
        depth = self._depth
        if depth.lag_seconds > self._max_age:
            return _LONGEST_WAIT
        fullness = max(depth.events / self._max_events, depth.bytes / self._max_bytes)
        if fullness < 1:
            return 0
        surplus = depth.events * (1 - 0.9 / fullness)
        seconds = surplus / self._per_second if self._per_second else _LONGEST_WAIT
        return max(1, min(_LONGEST_WAIT, math.ceil(seconds)))

    def added(self, events: int, size: int) -> None:
        """Count what this process appended since the last reading, so that a burst cannot run past the bound."""
        depth = self._depth
        self._depth = replace(depth, events=depth.events + events, bytes=depth.bytes + size)

    def _refresh(self) -> None:
        reading = self._read()
        now = time.monotonic()
        self._depth, self._read_at = reading.depth, now
        if self._window is None:
            self._window = (now, reading.removed_events)
        elif now - self._window[0] >= _RATE_SECONDS:
            self._per_second = (reading.removed_events - self._window[1]) / (now - self._window[0])
            self._window = (now, reading.removed_events)
