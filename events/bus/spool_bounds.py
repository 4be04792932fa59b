"""How much the spool may take, and whether it refuses at present: said once in the log, and on `/health/ready`."""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from events.bus import spool_telemetry as telemetry
from events.bus.base import BusUnavailable
from events.bus.spool_depth import read_depth
from events.bus.spool_names import takes_bytes

logger = logging.getLogger("sluice.spool")
#: How often (seconds) the bounds are looked at, a disk that refused is tried, and how long a client should wait.
_LOOK_SECONDS, _TRY_SECONDS = 0.5, 5.0
_RETRY_AFTER = 5
#: A spool that was full is usable again below this share of its bound: it would go to and fro at the bound itself.
_USABLE = 0.9


class Bounds:
    """The bounds of a folder: `max_bytes` on disk, and `max_age` (seconds) of the oldest batch in it.

    `free` is asked how many of the bytes are the caller's own free room: what comes goes there first.
    """

    def __init__(self, folder: Path, free: Callable[[], int], *, max_bytes: int, max_age: float) -> None:
        self._folder = folder
        self._free = free
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._looked_at = -math.inf
        self._bytes, self._age = 0, 0.0
        self._reason = ""
        #: Why the last write was refused, in words for anybody; nothing where writes are taken.
        self.trouble = ""

    def check(self, size: int) -> None:
        """Count `size` bytes in. Raises BusUnavailable where they are too many, or the spool is too old."""
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._look()
        self._bytes += size
        if self._bytes > self._max_bytes:
            raise self._refusal("full", f"full: SPOOL_MAX_BYTES is {self._max_bytes}")
        if self._age > self._max_age:
            raise self._refusal("age", f"full: its oldest batch is older than {self._max_age:g} s")

    def forget(self) -> None:
        """Look anew at the next write: the folder is not what it was."""
        self._looked_at = -math.inf

    def failed(self, error: sqlite3.Error | OSError) -> BusUnavailable:
        """Note that the disk did not take a write; return what to raise. The log is told where and why."""
        if self._reason != "disk":
            logger.error("the spool cannot be written: %s", error)
        # The name of the file is nobody's business.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return self._refusal("disk", f"unusable: {reason}")

    def passed(self) -> None:
        """Note that a write was taken."""
        if self._reason == "disk" or (self._reason and self._has_room()):
            self._recovered()

    def look_again(self) -> None:
        """Find out whether what was refused would be taken now, where no write comes that would tell."""
        if not self._reason or time.monotonic() - self._looked_at < _TRY_SECONDS:
            return
        self._look()
        if takes_bytes(self._folder) if self._reason == "disk" else self._has_room():
            self._recovered()

    def _look(self) -> None:
        depth = read_depth(self._folder)
        self._bytes, self._age = depth.disk_bytes - self._free(), depth.oldest_seconds
        self._looked_at = time.monotonic()

    def _has_room(self) -> bool:
        return self._bytes <= self._max_bytes * _USABLE and self._age <= self._max_age

    def _refusal(self, reason: str, trouble: str) -> BusUnavailable:
        telemetry.refused.labels(reason).inc()
        if reason not in (self._reason, "disk"):
            logger.error("the spool is %s; clients get 503", trouble)
        self._reason, self.trouble = reason, trouble
        state = "cannot be written" if reason == "disk" else "is full"
        return BusUnavailable(
            f"The event bus is away, and the spool on the gateway's disk {state}."
            " Send it again with the same eventId.",
            retry_after=_RETRY_AFTER,
        )

    def _recovered(self) -> None:
        self._reason = self.trouble = ""
        logger.warning("the spool is usable again")
