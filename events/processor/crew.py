"""The workers of one process: as many threads as the lag asks for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from events.processor import telemetry
from events.processor.scale import Scale
from events.processor.worker import Worker

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


class Crew:
    """Hires and retires workers until told to stop. `lag` returns seconds, None where it is not known."""

    def __init__(self, hire: Callable[[], Worker], *, scale: Scale, lag: Callable[[], float | None]) -> None:
        self._hire = hire
        self._scale = scale
        self._lag = lag
        self._stop = threading.Event()
        self._broken = threading.Event()
        self._workers: list[tuple[Worker, threading.Thread]] = []
        self._retired: list[threading.Thread] = []

    def run(self) -> bool:
        """Return when all workers have ended: whether none of them broke."""
        try:
            for _ in range(self._scale.least):
                self._add()
            while not self._stop.wait(_LOOK_SECONDS):
                self._look_safely()
        finally:
            self._dismiss()
        return not self._broken.is_set()

    def stop(self) -> None:
        """Let every worker finish its claim, then return from `run`. May be called from a signal handler."""
        self._stop.set()

    def look(self) -> None:
        """Hire or retire one worker where the lag asks for it."""
        lag = self._lag()
        if lag is None:
            return
        change = self._scale.change(lag, len(self._workers))
        if change:
            logger.info(
                "the bus lags by %.1f s: %s processor", lag, "one more" if change > 0 else "one fewer"
            )
        if change > 0:
            self._add()
        elif change < 0:
            self._retire()

    def _look_safely(self) -> None:
        try:
            self.look()
        except Exception:
            # The workers there are go on; whatever it was may be over at the next look.
            logger.exception("the number of processors stays as it is")

    def _dismiss(self) -> None:
        """Stop all workers and wait for them: nobody else could."""
        for worker, _ in self._workers:
            worker.stop()
        for thread in [*self._retired, *(thread for _, thread in self._workers)]:
            thread.join()

    def _add(self) -> None:
        worker = self._hire()
        thread = threading.Thread(target=self._work, args=(worker,), name="processor")
        thread.start()
        self._workers.append((worker, thread))
        telemetry.threads.set(len(self._workers))

    def _retire(self) -> None:
        """Let the last one go; it finishes its claim first."""
        worker, thread = self._workers.pop()
        worker.stop()
        self._retired = [one for one in self._retired if one.is_alive()] + [thread]
        telemetry.threads.set(len(self._workers))

    def _work(self, worker: Worker) -> None:
        """Run a worker; one that breaks stops the others too, so that the process ends and is started afresh."""
        try:
            worker.run()
        except Exception:
            logger.critical("a processor broke", exc_info=True)
            self._broken.set()
            self.stop()
