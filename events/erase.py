"""Erases one user of a project: his events, his part in the rollups, his sessions."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from config.lib import sqlfile
from config.lib.postgres import connect
from events.store.base import Store
from metrics.rollups.base import Rollups
from sessions import services as sessions

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "erase.sql")
#: Each waits two seconds for the claims at work.
_TRIES = 5
#: Seconds that one statement may take: a user may have millions of events.
_PATIENCE = 600


class Busy(Exception):
    """Processors did not pause; nothing was erased. Try again."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What there is of a user, or was."""

    events: int
    sessions: int


def footprint(*, project_id: int, user_id: str) -> Footprint:
    """Count what an erasure would remove."""
    user: dict[str, Any] = {"project_id": project_id, "user_id": user_id}
    with connect(name="erase", deadline=_PATIENCE) as connection:
        row = connection.execute(SQL["count_events"], user).fetchone()
        return Footprint(int(row[0]) if row else 0, sessions.count_user(connection.cursor(), **user))


def erase_user(*, project_id: int, user_id: str, store: Store, rollups: Rollups) -> Footprint:
    """Erase a user, all of him or nothing; return what was removed. Raises Busy.

    Processors wait meanwhile. The ledger keeps his events' ids, so one that is sent again stays a duplicate. What
    of him is still in the bus is stored later, and needs another erasure; dead letters are not looked at.
    """
    user: dict[str, Any] = {"project_id": project_id, "user_id": user_id}
    with connect(name="erase", autocommit=True, deadline=_PATIENCE) as connection:
        removed = _removed(connection, store, rollups, user)
        rollups.catch_up(connection)
    # The log must not keep what was just erased.
    name = hashlib.sha256(user_id.encode()).hexdigest()[:12]
    logger.warning(
        "a user of project %s was erased: %s events, %s sessions (SHA-256 of the id: %s..)",
        *(project_id, removed.events, removed.sessions, name),
    )
    return removed


def _removed(
    connection: psycopg.Connection[Any], store: Store, rollups: Rollups, user: dict[str, Any]
) -> Footprint:
    for _ in range(_TRIES):
        with suppress(psycopg.errors.LockNotAvailable), connection.transaction():
            cursor = connection.cursor()
            gone = sessions.remove_user(cursor, **user)
            # Between the rollups' look at the events and their removal nobody may add one.
            store.keep_writers_out(cursor)
            rollups.erase(cursor, **user)
            return Footprint(store.erase(cursor, **user), gone)
    raise Busy(Busy.__doc__)
