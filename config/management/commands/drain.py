"""`manage.py drain`: waits until everything that was accepted is queryable."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.engine import bus, level
from config.lib.postgres import connect
from config.lib.sqlfile import load
from events.bus.switching import waiting_in_inbox
from events.selectors import spool_depth

SQL = load(__file__, "drain.sql")
_PAUSE = 0.1


class Command(BaseCommand):
    """Polls spool, bus and session work until all are empty; ends with 1 when that takes too long."""

    help = "Wait until the spool, the bus and the session work are empty."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--timeout`."""
        parser.add_argument("--timeout", type=float, default=300.0, help="seconds to wait at most (300)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait; web, processors and the Celery worker do the work."""
        try:
            level()
            self._wait(time.monotonic() + options["timeout"])
        except psycopg.OperationalError as error:
            raise CommandError(f"the database does not answer: {str(error).splitlines()[0]}") from None

    def _wait(self, until: float) -> None:
        with connect(name="drain", autocommit=True) as link:
            since: datetime | None = None
            while True:
                # First the spool: what leaves it meanwhile is then seen in the bus, which is asked about what came
                # before the spool was seen empty, and then what the bus leaves to be done.
                spool = spool_depth()
                if since is None or spool.events or spool.unread_files:
                    since = link.execute(SQL["now"]).fetchone()[0]  # type: ignore[index]
                events = bus().left(link.cursor(), since)
                inbox = waiting_in_inbox(link.cursor()) if settings.BUS_IS_BROKER else 0
                users, late = link.execute(SQL["left"]).fetchone() or (0, 0)
                if not any((spool.events, spool.unread_files, events, inbox, users, late)):
                    self.stdout.write("drained")
                    return
                if time.monotonic() >= until:
                    raise CommandError(
                        f"still waiting: {spool.events} events in the spool, {spool.unread_files} files of the spool "
                        f"that cannot be looked into, {events} events in the bus, {_left(inbox)}"
                        f"{users} entries of session work, {late} claims with late events that rollups miss"
                    )
                time.sleep(_PAUSE)


def _left(events: int) -> str:
    return f"{events} in the inbox, which processors move to the broker when they start, " if events else ""
