"""What another bus left behind when EVENT_BUS_URL was changed: acknowledged events that nobody would read."""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from config.lib import sqlfile
from events.bus.base import SLOT_SPACE, Bus
from events.bus.postgres_consumer import read_claimed

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "switching.sql")
#: Batches that one transaction moves.
_SOME = 100


def waiting_in_inbox(cursor: psycopg.Cursor[Any]) -> int:
    """Return how many events wait in the inbox: nobody reads it while a broker is the bus."""
    return _number(cursor.execute(SQL["waiting"]))


def left_in_broker(cursor: psycopg.Cursor[Any]) -> int:
    """Return how many events a broker held, about, when it was the bus last; 0 where it never was."""
    return _number(cursor.execute(SQL["left_in_broker"]))


def move_inbox(connection: psycopg.Connection[Any], bus: Bus) -> int:
    """Move what waits in the inbox to `bus`, a broker; return how many events that were.

    May end anywhere and begin again: what comes to the broker twice is counted as duplicates. What living processors
    hold is theirs. Raises BusFull and BusUnavailable, with the rest still in the inbox.
    """
    moved = 0
    while events := _move_some(connection, bus):
        moved += events
    if moved:
        logger.warning("%d events of the inbox were moved to the broker", moved)
    return moved


def _move_some(connection: psycopg.Connection[Any], bus: Bus) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(SQL["free"], {"space": SLOT_SPACE, "some": _SOME}, binary=True)
        claimed = [read_claimed(*row) for row in cursor.fetchall()]
        for one in claimed:
            bus.append(one.batch)
        if claimed:
            cursor.execute(SQL["moved"], {"ids": [one.id for one in claimed]})
    return sum(one.batch.accepted for one in claimed)


def _number(cursor: psycopg.Cursor[Any]) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
