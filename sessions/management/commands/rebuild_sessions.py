"""`manage.py rebuild_sessions`: computes the sessions of days again, from the raw events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from config.engine import rollups, store
from config.lib.postgres import connect
from events import days
from sessions import services
from sessions.rollups import recount

_DAY = timedelta(days=1)


class Command(BaseCommand):
    """Rebuild sessions. May be stopped and run again."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the range; without one, every day in store is rebuilt."""
        days.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Touch every user of each day and rebuild them."""
        users = 0
        with connect(name="rebuild_sessions", autocommit=True, deadline=600) as connection:
            for start, end in tqdm(
                days.in_store(connection, store(), rollups(), **days.span(options)), unit="day"
            ):
                services.touch_range(connection=connection, start=start, end=end)
                users += services.rebuild_touched(connection=connection)
                # A session of this day may have begun the day before.
                recount(connection, start - _DAY, end)
        self.stdout.write(self.style.SUCCESS(f"rebuilt the sessions of {users} users"))
