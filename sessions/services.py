"""Builds sessions: what processors touched is computed again from the raw events, so the result never drifts."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from sessions.rollups import counted
from sessions.rules import SHARDS, gap

SQL = sqlfile.load(__file__, "sessions.sql")
_LOCK_SPACE = 7303
#: Events in the bus from which on sessions wait, and seconds after which they do not wait any longer.
_BACKLOG, _LONGEST_WAIT = 20_000, 30
#: Users of the work list (one in many claims counts as many) from which on a transaction takes no more of it.
_BATCH = 10_000
#: From so many events on that have to be read again, a user is hot: rebuilt after all others, by himself, and for no
#: more than about a second at a time, in which nobody else's sessions are built.
_HOT_EVENTS, _HOT_SECONDS = 20_000, 1.0

Connection = psycopg.Connection[tuple[Any, ...]]


def touch(cursor: psycopg.Cursor[Any]) -> None:
    """Note the users and spans of the staged events, within the processor's transaction."""
    cursor.execute(SQL["touch"], {"shards": SHARDS})


def touch_range(*, connection: Connection, start: datetime, end: datetime) -> None:
    """Put every user with events in start <= ts < end on the list."""
    connection.execute(SQL["touch_all"], {"shards": SHARDS, "start": start, "end": end})


def rebuild_touched(*, connection: Connection, seconds: float = math.inf) -> int:
    """Rebuild until nothing is left on the list that nobody else works on; return how many users were taken off it.

    After `seconds` the rest is left to the next call, so that others get their turn. Hot users come last, one of
    them at least.

    Safe to run many times at once: a shard is worked on by one transaction at a time, and a transaction that
    dies puts its work back.
    """
    until = time.monotonic() + seconds
    users = sum(_rebuild_shard(connection, shard, until) for shard in _busy(connection, 0))
    hot_until = math.inf if math.isinf(seconds) else time.monotonic() + _HOT_SECONDS
    for shard in _busy(connection, SHARDS):
        users += _rebuild_some(connection, shard)
        users += _rebuild_shard(connection, shard, hot_until)
        if time.monotonic() > hot_until:
            break
    return users


def _busy(connection: Connection, first: int) -> list[int]:
    """Return the shards from `first` on that have work; those of hot users follow the others."""
    span = {"first": first, "last": first + SHARDS - 1}
    return [shard for (shard,) in connection.execute(SQL["busy_shards"], span).fetchall()]


def _rebuild_shard(connection: Connection, shard: int, until: float) -> int:
    users = 0
    while time.monotonic() < until and (done := _rebuild_some(connection, shard)):
        users += done
    return users


def remove_user(cursor: psycopg.Cursor[Any], *, project_id: int, user_id: str) -> int:
    """Remove a user's sessions and let nobody rebuild them until the transaction ends; return how many.

    His entries on the work list may stay: a rebuild finds no events and makes no sessions.
    """
    user = {"project_id": project_id, "user_id": user_id, "shards": SHARDS}
    cursor.execute(SQL["hold_shard"], {"space": _LOCK_SPACE, **user})
    with counted(cursor):
        return cursor.execute(SQL["remove_user"], user).rowcount


def count_user(cursor: psycopg.Cursor[Any], *, project_id: int, user_id: str) -> int:
    """Count a user's sessions."""
    row = cursor.execute(SQL["count_user"], {"project_id": project_id, "user_id": user_id}).fetchone()
    return int(row[0]) if row else 0


def should_wait(*, connection: Connection, events_waiting: int) -> bool:
    """Tell whether sessions should let ingest go first, for at most half a minute.

    While the bus holds many events, the same users are about to be touched again: rebuilding now is for nothing.
    """
    if events_waiting <= _BACKLOG:
        return False
    row = connection.execute(SQL["oldest_seconds"], {"shards": SHARDS}).fetchone()
    return bool(row and row[0] is not None and row[0] < _LONGEST_WAIT)


def _rebuild_some(connection: Connection, shard: int) -> int:
    """Rebuild some of a shard's users, or one hot user; return how many were taken off the list."""
    hot = shard >= SHARDS
    with connection.transaction():
        cursor = connection.cursor()
        # A user's shard is one, hot or not: nobody else may work on him meanwhile.
        params = {"space": _LOCK_SPACE, "shard": shard % SHARDS}
        locked = cursor.execute(SQL["lock_shard"], params).fetchone()
        if not locked or not locked[0]:
            return 0
        cursor.execute(SQL["take_hot" if hot else "take_work"], {"shard": shard, "limit": _BATCH})
        taken = _count(cursor)
        for block in ("hold", "know", "widen"):
            cursor.execute(SQL[block], {"gap": gap()})
        if not hot:
            cursor.execute(SQL["put_off_hot"], {"hot_events": _HOT_EVENTS, "hot_shard": SHARDS + shard})
        for block in ("clamp", "leave_sealed", "know"):
            cursor.execute(SQL[block])
        with counted(cursor):
            for block in ("clear", "build"):
                cursor.execute(SQL[block], {"gap": gap(), "slot": shard % SHARDS})
        return taken


def _count(cursor: psycopg.Cursor[Any]) -> int:
    counted = cursor.execute(SQL["count_touched"]).fetchone()
    return int(counted[0]) if counted else 0
