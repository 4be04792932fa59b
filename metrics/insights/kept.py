"""Tells what raw events are still there to be read."""

from __future__ import annotations

from datetime import datetime

from metrics.query.run import Cursor
from metrics.rollups.bounds import midnight, sealed_before


def history_from(cursor: Cursor) -> datetime | None:
    """Return the moment before which retention dropped raw events; None where it never did."""
    day = sealed_before(cursor)
    return midnight(day) if day else None
