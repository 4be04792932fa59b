"""What Celery does about definitions: moves users, removes what was given up, computes history, keeps groups small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from config.lib import clock, sqlfile
from metrics.definitions.aliases import move_noted
from metrics.definitions.backfill import backfill
from metrics.definitions.folding import fold
from metrics.definitions.groups import stop_too_fine
from metrics.definitions.mending import mend_stale
from metrics.definitions.removal import empty_stopped, remove_given_up
from metrics.definitions.sizes import count_rows

SQL = sqlfile.load(__file__, "tending.sql")
Connection = psycopg.Connection[Any]
#: Of advisory locks.
_LOCK_SPACE = 7311
#: All time.
_FIRST, _END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
#: Days back that are looked after often, and those that are once a day.
_DAYS_IN_USE, _DAYS_SWEPT = 2, 31


def tend(connection: Connection, *, seconds: float) -> str:
    """Do what is to be done, for about so long; say what came of it. One process does it at a time."""
    if not _is_ours(connection):
        return "another worker is at it"
    stop_too_fine(connection, days=_DAYS_IN_USE)
    moved = move_noted(connection, seconds=seconds)
    gone = remove_given_up(connection, seconds=seconds)
    empty_stopped(connection, seconds=seconds)
    spans = backfill(connection, seconds=seconds)
    more = "" if moved else ", more users to move"
    return f"{spans} spans computed, {gone} definitions removed{more}"


def keep_small(connection: Connection, *, seconds: float) -> str:
    """Mend groups that count many twice, for about so long, and fold those of the last days."""
    if not _is_ours(connection):
        return "another worker is at it"
    mended = mend_stale(connection, seconds=seconds)
    folded = fold(connection, clock.now() - timedelta(days=_DAYS_IN_USE), _END)
    return f"{folded} groups of users folded, {mended} days mended"


def sweep(connection: Connection) -> str:
    """Fold groups of all days, since years may have been imported at once; look for too many groups, and count rows."""
    if not _is_ours(connection):
        return "another worker is at it"
    stopped = stop_too_fine(connection, days=_DAYS_SWEPT)
    folded = fold(connection, _FIRST, _END)
    count_rows(connection)
    return f"{folded} groups of users folded, {stopped} definitions stopped"


def _is_ours(connection: Connection) -> bool:
    """Tell whether this session has, or now gets, the lock of whoever tends definitions; it goes with the session."""
    row = connection.execute(SQL["lock"], {"space": _LOCK_SPACE}).fetchone()
    return bool(row and row[0])
