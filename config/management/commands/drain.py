"""`manage.py drain`: waits until everything that was accepted is queryable."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError

from config.engine import level
from config.lib.postgres import connect
from config.lib.sqlfile import load

SQL = load(__file__, "drain.sql")
_PAUSE = 0.1


class Command(BaseCommand):
    """Polls the bus and the session work until both are empty; ends with 1 when that takes too long."""

    help = "Wait until the bus and the session work are empty."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--timeout`."""
        parser.add_argument("--timeout", type=float, default=300.0, help="seconds to wait at most (300)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait; processors and the Celery worker do the work."""
        try:
            level()
            self._wait(time.monotonic() + options["timeout"])
        except psycopg.OperationalError as error:
            raise CommandError(f"the database does not answer: {str(error).splitlines()[0]}") from None

    def _wait(self, until: float) -> None:
        with connect(name="drain", autocommit=True) as link:
            while True:
                events, users, late = link.execute(SQL["left"]).fetchone() or (0, 0, 0)
                if not events and not users and not late:
                    self.stdout.write("drained")
                    return
                if time.monotonic() >= until:
                    raise CommandError(
                        f"still waiting: {events} events in the bus, {users} entries of session work, "
                        f"{late} claims with late events that rollups miss"
                    )
                time.sleep(_PAUSE)
