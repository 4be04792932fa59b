"""`manage.py process`: processors, some threads in one process. Run as many processes as there are cores to spare."""

from __future__ import annotations

import signal
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.engine import level, own_bus, prepare_bus, processor
from config.lib.errors import SluiceError
from events.processor.crew import Crew
from events.processor.scale import Scale
from events.processor.worker import Worker


class Command(BaseCommand):
    """Process batches from the bus until SIGTERM, which ends it between two claims."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --threads. Postgres does the work, so threads share one Python well."""
        parser.add_argument("--threads", type=int, help="so many processors, whatever the lag")

    def handle(self, *args: Any, **options: Any) -> None:
        """Keep the workers; signals arrive in this thread."""
        level()
        prepare_bus()
        crew = Crew(lambda: Worker(processor), scale=_scale(options["threads"]), lag=_lag)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: crew.stop())
        if not crew.run():
            raise SystemExit(1)


def _scale(threads: int | None) -> Scale:
    if threads:
        return Scale(least=threads, most=threads)
    return Scale(
        least=settings.PROCESSOR_THREADS, most=max(settings.PROCESSOR_THREADS, settings.PROCESSOR_THREADS_MAX)
    )


def _lag() -> float | None:
    try:
        return own_bus().depth().lag_seconds
    except (SluiceError, psycopg.Error):
        # The workers hear of an outage themselves.
        return None
