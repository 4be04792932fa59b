"""Erases one user of a project, with all ids that stand for him: events, part in the rollups, sessions, traits."""

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
from metrics.definitions import locks as definitions
from metrics.language.people import ids_of
from metrics.people import services as people
from metrics.rollups.base import Rollups
from metrics.rollups.settle import settle
from metrics.versions import bump
from sessions import services as sessions

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "erase.sql")
#: Each waits two seconds for the claims at work.
_TRIES = 5
#: Seconds that one statement may take: a user may have millions of events.
_PATIENCE = 600
#: Seconds for which others' work on the rollups is waited for. What they lack longer is done by those others.
_CATCH_UP_SECONDS = 60


class Busy(Exception):
    """Processors did not pause; nothing was erased. Try again."""


class _OtherIds(Exception):
    """Another id came to stand for the user while his rows were waited for."""


#: Two erasures may each wait for a session shard that the other holds.
_TRY_AGAIN = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, _OtherIds)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What there is of a user, or was; `ids` counts the user ids that stand for him."""

    events: int
    sessions: int
    ids: int = 1


def footprint(*, project_id: int, user_id: str) -> Footprint:
    """Count what an erasure would remove."""
    with connect(name="erase", deadline=_PATIENCE) as connection:
        cursor = connection.cursor()
        ids = ids_of(cursor, project_id=project_id, user_id=user_id)
        row = cursor.execute(SQL["count_events"], {"project_id": project_id, "ids": list(ids)}).fetchone()
        kept = sum(sessions.count_user(cursor, project_id=project_id, user_id=one) for one in ids)
        return Footprint(int(row[0]) if row else 0, kept, len(ids))


def erase_user(*, project_id: int, user_id: str, store: Store, rollups: Rollups) -> Footprint:
    """Erase a user with all ids that stand for him, all of it or nothing; return what was removed. Raises Busy.

    Whichever of his ids is named, all of them go: what one person did is not kept because it was done before he was
    known.

    Processors wait meanwhile. The ledger keeps his events' ids, so one that is sent again stays a duplicate. What
    of him is still in the bus is stored later, and needs another erasure; dead letters are not looked at.
    """
    with connect(name="erase", autocommit=True, deadline=_PATIENCE) as connection:
        removed = _removed(connection, store, rollups, project_id, user_id)
        if not settle(rollups, connection, seconds=_CATCH_UP_SECONDS):
            logger.warning(
                "rollups of project %s may still count an erased user for some minutes", project_id
            )
        # Answers given meanwhile may have been read from rollups that still counted him.
        bump(connection.cursor(), project_id)
    # The log must not keep what was just erased.
    name = hashlib.sha256(user_id.encode()).hexdigest()[:12]
    logger.warning(
        "a user of project %s was erased: %s events, %s sessions, %s ids (SHA-256 of the one named: %s..)",
        *(project_id, removed.events, removed.sessions, removed.ids, name),
    )
    return removed


def _removed(
    connection: psycopg.Connection[Any], store: Store, rollups: Rollups, project_id: int, user_id: str
) -> Footprint:
    for _ in range(_TRIES):
        with suppress(*_TRY_AGAIN), connection.transaction():
            cursor = connection.cursor()
            # Whoever computes a day of a definition ends first: he is not waited for while processors are.
            definitions.take_turn(cursor)
            ids = ids_of(cursor, project_id=project_id, user_id=user_id)
            users: list[dict[str, Any]] = [{"project_id": project_id, "user_id": one} for one in ids]
            gone = sum(sessions.remove_user(cursor, **user) for user in users)
            # Between the rollups' look at the events and their removal nobody may add one, nor an alias.
            store.keep_writers_out(cursor)
            if ids_of(cursor, project_id=project_id, user_id=user_id) != ids:
                raise _OtherIds
            rollups.erase_ids(cursor, project_id=project_id, ids=ids)
            events = sum(_erase_id(cursor, store, user) for user in users)
            people.forget(cursor, project_id=project_id, ids=ids)
            bump(cursor, project_id)
            return Footprint(events, gone, len(ids))
    raise Busy(Busy.__doc__)


def _erase_id(cursor: psycopg.Cursor[Any], store: Store, user: dict[str, Any]) -> int:
    cursor.execute(SQL["unlist"], user)
    return store.erase(cursor, **user)
