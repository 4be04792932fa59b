"""Waits until rollups know everything that is stored."""

from __future__ import annotations

import time

from metrics.rollups.base import Connection, Rollups

_PAUSE = 0.2


def settle(rollups: Rollups, connection: Connection, *, seconds: float) -> bool:
    """Catch up until nothing is left, also while others do; False when that takes longer than `seconds`."""
    until = time.monotonic() + seconds
    while not rollups.catch_up(connection):
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
    return True
