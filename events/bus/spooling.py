"""A bus that takes batches while the bus behind it is away: to disk, and on as soon as somebody answers again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from config.lib.errors import SluiceError
from events.bus.base import Bus, BusFull, BusUnavailable
from events.bus.spool import Spool
from events.contracts import Batch, Depth

logger = logging.getLogger("sluice.spool")
#: Seconds between two looks for what dead processes left, and between two attempts to reach the bus.
_IDLE_SECONDS = 1.0
_AWAY_SECONDS = 0.25
_FULL_SECONDS = 1.0
#: After a fault nobody foresaw.
_FAULT_SECONDS = 5.0
#: What is delivered at once. It starts small, so that a bus that is slow after its return takes something in time.
_FEWEST_BYTES, _MOST_BYTES = 64 << 10, 2 << 20
#: Batches of several projects are appended side by side: the bus commits them together.
_HANDS = 16


class SpoolingBus:
    """Appends to `inner`; while that is away, to the spool, without waiting for it.

    `rest` (seconds) is what the spool may take after an attempt that failed. The thread of `start` drains the spool,
    its own and what dead processes left; an append of that thread that succeeds is how `inner` is known to be back.
    """

    def __init__(self, inner: Bus, spool: Spool, *, rest: float) -> None:
        self._inner = inner
        self._spool = spool
        self._rest = rest
        self._away = False
        self._chunk = _FEWEST_BYTES
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def append(self, batch: Batch) -> None:
        """Return when the batch is durable, here or there. Raises BusFull, or BusUnavailable where nobody takes it."""
        if self._away:
            self._spool.append(batch)
            return
        try:
            self._inner.append(batch)
        except BusUnavailable as error:
            self._note_away(error)
            self._spool.append(batch, self._rest)

    def depth(self) -> Depth:
        """Return what waits in the bus behind; the spool tells its own depth."""
        return self._inner.depth()

    def spool_trouble(self) -> str:
        """Say why the spool refuses at present; nothing where it takes what comes."""
        return self._spool.trouble

    def start(self) -> None:
        """Start draining in a thread of its own, for as long as the process lives."""
        self._thread = threading.Thread(target=self._run, name="spool drainer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and let go of the files."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._spool.close()

    # --- draining -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped:
            pause = self._step_safely()
            if pause:
                self._wake.wait(pause)
                self._wake.clear()

    def _step_safely(self) -> float:
        try:
            return self.step()
        except Exception:
            # Without this thread nothing would ever be drained: it outlives whatever happens.
            logger.exception("draining the spool failed")
            return _FAULT_SECONDS

    def step(self) -> float:
        """Deliver some of what waits; return the seconds until the next time."""
        try:
            delivered = self._spool.drain(self._deliver, self._chunk)
        except BusFull:
            self._note_back()
            return _FULL_SECONDS
        except BusUnavailable as error:
            self._note_away(error)
            return _AWAY_SECONDS
        if delivered:
            self._note_back()
            self._chunk = min(_MOST_BYTES, self._chunk * 2)
            return 0.0
        if self._away:
            return self._probe()
        return _IDLE_SECONDS

    def _probe(self) -> float:
        """Ask whether the bus is back where nothing waits that could tell: the spool took nothing either."""
        if trouble := self._inner.trouble():
            logger.debug("the bus is still away: %s", trouble)
            return _AWAY_SECONDS
        self._note_back()
        return 0.0

    def _deliver(self, batches: Sequence[Batch]) -> Sequence[SluiceError | None]:
        if len(batches) < 2:
            return [self._try(batch) for batch in batches]
        with ThreadPoolExecutor(min(_HANDS, len(batches))) as pool:
            return list(pool.map(self._try, batches))

    def _try(self, batch: Batch) -> SluiceError | None:
        try:
            self._inner.append(batch)
        except (BusFull, BusUnavailable) as error:
            return error
        return None

    def _note_away(self, error: BusUnavailable) -> None:
        self._chunk = _FEWEST_BYTES
        if not self._away:
            self._away = True
            self._wake.set()
            logger.warning(
                "the bus is away, events go to the spool: %s", error.__cause__ or "no answer in time"
            )

    def _note_back(self) -> None:
        if self._away:
            logger.warning("the bus is back")
            self._away = False
