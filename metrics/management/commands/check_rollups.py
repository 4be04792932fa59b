"""`manage.py check_rollups`: compares every rollup with the raw events, and those of sessions with the sessions.

Day by day; exit 1 where they differ.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from config.engine import rollups, store
from config.lib.postgres import connect
from events import days
from metrics.rollups.base import Drift
from metrics.rollups.settle import settle
from metrics.selectors import rollup_pending_seconds
from sessions import rollups as sessions

#: Comparisons of a day before a difference counts as one: events keep coming late meanwhile.
_ATTEMPTS = 3
#: Seconds to wait for late events to be counted.
_PATIENCE = 600.0


class Command(BaseCommand):
    """Prove that rollups equal the raw events."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the range; without one, every day in store is checked."""
        days.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare in one snapshot a day, so that what arrives meanwhile is in both or in neither."""
        drifts = 0
        with connect(name="check_rollups", autocommit=True, deadline=3600) as connection:
            spans = days.in_store(connection, store(), rollups(), **days.span(options))
            for start, end in tqdm(spans, unit="day"):
                found = _drift(connection, start, end)
                for drift in found:
                    self.stdout.write(
                        f"{drift.relation} project {drift.project_id} {drift.bucket:%Y-%m-%dT%H:%MZ} {drift.key!r}: "
                        f"rollup {drift.rollup}, raw {drift.raw}"
                    )
                drifts += len(found)
        if drifts:
            raise SystemExit(f"{drifts} buckets differ{_still_waits()}; rebuild_rollups mends a range")
        self.stdout.write(self.style.SUCCESS("rollups equal the raw events"))


def _drift(connection: psycopg.Connection[Any], start: datetime, end: datetime) -> list[Drift]:
    """Compare one day. Late events that were only noted are no drift: where it differs, they are counted first."""
    for _ in range(_ATTEMPTS):
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor = connection.cursor()
            found = [*rollups().drift(cursor, start, end), *sessions.drift(cursor, start, end)]
            if not found:
                break
        settle(rollups(), connection, seconds=_PATIENCE)
    return found


def _still_waits() -> str:
    """Say so where late events wait to be counted: then a difference may go by itself."""
    seconds = rollup_pending_seconds()
    return f" (late events have waited for {seconds:.0f} s to be counted: run drain first)" if seconds else ""
