"""Processor slots: numbers that tell processors apart, each held by a session lock that dies with its process."""

from __future__ import annotations

from typing import Any

import psycopg

from config.lib import sqlfile
from events.bus.base import SLOT_SPACE, SLOTS, NoSlot

SQL = sqlfile.load(__file__, "slots.sql")


def lock_slot(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    """Take a free slot for as long as the session of `connection` lives. Raises NoSlot, the connection closed."""
    for slot in range(SLOTS):
        row = connection.execute(SQL["lock_slot"], {"space": SLOT_SPACE, "slot": slot}).fetchone()
        if row and row[0]:
            return slot
    connection.close()
    raise NoSlot(f"all {SLOTS} processor slots are taken")
