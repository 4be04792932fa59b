"""`manage.py process`: one processor. Run as many as there are cores to spare."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from config.engine import processor
from events.processor.worker import Worker


class Command(BaseCommand):
    """Process batches from the bus until SIGTERM, which ends it between two claims."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker in the main thread, where signals arrive."""
        worker = Worker(processor)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.run()
