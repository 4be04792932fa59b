"""`manage.py process`: processors, some threads in one process. Run as many processes as there are cores to spare."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.engine import level, processor
from events.processor.worker import Worker

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Process batches from the bus until SIGTERM, which ends it between two claims."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --threads. Postgres does the work, so threads share one Python well."""
        parser.add_argument("--threads", type=int, default=settings.PROCESSOR_THREADS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the first worker in the main thread, where signals arrive, and the others beside it."""
        level()
        workers = [Worker(processor) for _ in range(max(1, options["threads"]))]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop(workers))
        with ThreadPoolExecutor(max_workers=len(workers)) as pool:
            others = [pool.submit(_run, worker, workers) for worker in workers[1:]]
            well = [_run(workers[0], workers), *(other.result() for other in others)]
        if not all(well):
            raise SystemExit(1)


def _run(worker: Worker, workers: Sequence[Worker]) -> bool:
    """Run a worker; one that breaks stops the others too, so that the process ends and is started afresh."""
    try:
        worker.run()
    except Exception:
        logger.critical("a processor broke", exc_info=True)
        _stop(workers)
        return False
    return True


def _stop(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.stop()
