"""What Celery does about definitions: moves users, removes what was given up, computes history, keeps groups small."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from config.lib import sqlfile
from metrics.definitions.aliases import move_noted
from metrics.definitions.backfill import backfill
from metrics.definitions.folding import fold
from metrics.definitions.mending import mend_stale
from metrics.definitions.removal import remove_given_up
from metrics.definitions.sizes import count_rows

SQL = sqlfile.load(__file__, "tending.sql")
Connection = psycopg.Connection[Any]
#: Of advisory locks.
_LOCK_SPACE = 7311
#: All time: whole years may be imported at once.
_ALWAYS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def tend(connection: Connection, *, seconds: float) -> str:
    """Do what is to be done, for about so long; say what came of it. One process does it at a time."""
    if not _is_ours(connection):
        return "another worker is at it"
    moved = move_noted(connection)
    gone = remove_given_up(connection, seconds=seconds)
    spans = backfill(connection, seconds=seconds)
    more = "" if moved else ", more users to move"
    return f"{spans} spans computed, {gone} definitions removed{more}"


def keep_small(connection: Connection) -> str:
    """Fold large groups, mend those that count somebody twice, and count rows."""
    if not _is_ours(connection):
        return "another worker is at it"
    mended = mend_stale(connection)
    folded = fold(connection, *_ALWAYS)
    count_rows(connection)
    return f"{folded} groups of users folded, {mended} days mended"


def _is_ours(connection: Connection) -> bool:
    """Tell whether this session has, or now gets, the lock of whoever tends definitions; it goes with the session."""
    row = connection.execute(SQL["lock"], {"space": _LOCK_SPACE}).fetchone()
    return bool(row and row[0])
