"""The locks of definitions: processors share one, and whoever computes rollups anew has it alone.

All go with the transaction, and everybody takes them in this order: the turn to compute, the bound of dropped days
(`metrics.rollups.bounds`), the lock on `event` (of an erasure, and of each claim), this one, rows of definitions, rows
of rollups.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from metrics.rollups import bounds

SQL = sqlfile.load(__file__, "locks.sql")
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
#: Of advisory locks.
SPACE = 7313
#: How long one who wants to be alone waits for processors: those who come after him wait as long.
_PATIENCE = "1s"
#: Somebody was at it for too long: nothing was done, try again later.
Busy = psycopg.errors.LockNotAvailable


def share(link: Connection | Cursor) -> None:
    """Let nobody compute rollups anew until the transaction ends; wait for whoever is at it."""
    link.execute(SQL["shared"], {"space": SPACE})


def take_turn(link: Connection | Cursor) -> None:
    """Wait until nobody else computes rollups anew. Who is alone next waits for none but processors."""
    link.execute(SQL["turn"], {"space": SPACE})


def be_alone(link: Connection | Cursor) -> None:
    """Wait for claims, and hold all others back until the transaction ends. Raises Busy where they take too long."""
    take_turn(link)
    ((before,),) = link.execute(SQL["patience"]).fetchall()
    link.execute(SQL["wait"], {"patience": _PATIENCE})
    link.execute(SQL["alone"], {"space": SPACE})
    link.execute(SQL["wait"], {"patience": before})


def be_alone_with_days(connection: Connection) -> datetime:
    """Do so while no day is dropped; return the moment before which days were. Raises Busy."""
    take_turn(connection)
    sealed = bounds.keep_still(connection)
    be_alone(connection)
    return sealed
