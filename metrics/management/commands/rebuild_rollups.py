"""`manage.py rebuild_rollups`: computes rollups from the raw events again, one transaction a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from config.engine import rollups, store
from config.lib.postgres import connect
from events import days
from metrics.versions import bump_all
from sessions import rollups as sessions


class Command(BaseCommand):
    """Mend a range of rollups. Only days whose raw events are in store are touched; it may be stopped and run again."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the range; without one, every day in store is rebuilt."""
        days.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild day by day; processors wait for at most one day's transaction."""
        with connect(name="rebuild_rollups", autocommit=True, deadline=3600) as connection:
            spans = days.in_store(connection, store(), rollups(), **days.span(options))
            for start, end in tqdm(spans, unit="day"):
                rollups().rebuild(connection, start, end)
                sessions.recount(connection, start, end)
                bump_all(connection.cursor())
        self.stdout.write(self.style.SUCCESS(f"rebuilt {len(spans)} days"))
