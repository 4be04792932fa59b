"""Computes definitions over history: the day in progress and all later ones first, then day by day back.

Each span is one transaction that holds processors back, removes what they added and counts it again together with what
came before the definition. So it can be ended anywhere; how far it is stands on the definition.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from config.lib import clock, sqlfile
from metrics.definitions import groups, locks
from metrics.definitions.faults import is_permanent
from metrics.definitions.selectors import definition_with
from metrics.definitions.spec import BEGINNING
from metrics.definitions.writing import recompute

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "backfill.sql")
Connection = psycopg.Connection[Any]
#: Before and after everything that is stored.
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_LONGEST_MESSAGE = 200
_PAUSE = 0.5
#: Failures in a row after which a definition is given up on, whatever the reason.
_MOST_FAILURES = 5


def backfill(connection: Connection, *, seconds: float) -> int:
    """Compute spans of history, at least one, for about so long; return how many. The connection is in autocommit.

    A definition that fails says why, and the others go on. Where processors do not pause, it waits for another time.
    """
    until, done, failed = time.monotonic() + seconds, 0, [0]
    while (row := connection.execute(SQL["next"], {"tried": failed}).fetchone()) is not None:
        try:
            done += _span(connection, row[0])
        except locks.Busy:
            # Those who waited meanwhile go first.
            time.sleep(max(0.0, min(_PAUSE, until - time.monotonic())))
        except groups.TooManyGroups as error:
            groups.stop(connection, row[0], error)
        except psycopg.Error as error:
            if connection.closed:
                raise
            failed.append(row[0])
            _tell(connection, row[0], error)
        if time.monotonic() > until:
            break
    return done


def _span(connection: Connection, id: int) -> bool:
    """Compute one span of a definition; False where somebody took it away meanwhile."""
    with connection.transaction():
        sealed = locks.be_alone_with_days(connection)
        held = connection.execute(SQL["hold"], {"id": id}).fetchone()
        cursor = connection.cursor()
        if held is None or (definition := definition_with(cursor, id)) is None:
            return False
        today = _midnight(clock.now())
        edge = held[1] or _LAST
        start, progress = _next_start(connection, held[0], edge, sealed, today)
        # Sealed days cannot be computed: what is stored of them is what came too late.
        recompute(cursor, [definition], max(start, sealed), edge)
        if definition.dimensions:
            groups.check(cursor, definition.project_id, id, definition.measure, start)
        done = start <= max(sealed, _FIRST)
        told = {
            "id": id,
            "from": min(edge, max(start, sealed, BEGINNING)),
            "progress": progress,
            "done": done,
        }
        connection.execute(SQL["covered"], told)
    return True


def _next_start(
    connection: Connection, project: int, edge: datetime, sealed: datetime, today: datetime
) -> tuple[datetime, int]:
    """Return where the next span begins, at the end of all where nothing is left, and the progress with it."""
    params = {"project": project, "edge": min(edge, today), "sealed": sealed}
    row = connection.execute(SQL["newest"], params).fetchone()
    last, first = row if row else (None, None)
    if last is None or first is None:
        return max(sealed, _FIRST), 100
    start = max(today, sealed) if edge == _LAST else _midnight(last)
    whole = today + _DAY - first
    return start, int(max(0, min(99, 100 * (today + _DAY - start) / whole)))


def _tell(connection: Connection, id: int, error: psycopg.Error) -> None:
    message = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:_LONGEST_MESSAGE]
    logger.error("history of the defined metric %s cannot be computed: %s", id, message)
    most = 1 if is_permanent(error) else _MOST_FAILURES
    connection.execute(SQL["failed"], {"id": id, "message": message, "most": most})


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
