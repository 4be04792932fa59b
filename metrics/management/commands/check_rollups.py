"""`manage.py check_rollups`: compares every rollup with the raw events, day by day; exit 1 where they differ."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from config.engine import rollups, store
from config.lib.postgres import connect
from events import days


class Command(BaseCommand):
    """Prove that rollups equal the raw events."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the range; without one, every day in store is checked."""
        days.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare in one snapshot a day, so that what arrives meanwhile is in both or in neither."""
        drifts = 0
        with connect(name="check_rollups", deadline=600) as connection:
            connection.execute("SET default_transaction_isolation = 'repeatable read'")
            connection.commit()
            spans = days.in_store(connection, store(), **days.span(options))
            connection.commit()
            for start, end in tqdm(spans, unit="day"):
                with connection.transaction():
                    found = rollups().drift(connection.cursor(), start, end)
                for drift in found:
                    self.stdout.write(
                        f"{drift.relation} project {drift.project_id} {drift.bucket:%Y-%m-%dT%H:%MZ} {drift.key!r}: "
                        f"rollup {drift.rollup}, raw {drift.raw}"
                    )
                drifts += len(found)
        if drifts:
            raise SystemExit(f"{drifts} buckets differ; rebuild_rollups mends a range")
        self.stdout.write(self.style.SUCCESS("rollups equal the raw events"))
