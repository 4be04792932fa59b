"""The processor's loop: claim, process, again; back off when the system is at fault; stop between claims."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psycopg

from events.bus.base import Consumer, NoSlot
from events.processor import telemetry
from events.processor.batch_size import BatchSize, configured
from events.processor.bisect import MassPoison
from events.processor.triage import Fault

logger = logging.getLogger(__name__)
_SHORTEST_WAIT = 0.01
_LONGEST_WAIT = 0.2
#: What came in an outage is to be queryable within seconds of its end.
_LONGEST_BACKOFF = 2.0
#: A claim costs the same whether it holds ten events or a thousand: after a small one, let more gather first.
_WORTHWHILE, _LINGER = 1000, 0.2
#: A batch most of which is refused is not tried again sooner.
_PARK_SECONDS = 30.0
_RECOVER_SECONDS = 2.0


class Runs(Protocol):
    """What the worker needs of a pipeline."""

    def run(self, ids: Sequence[int]) -> Mapping[Any, int]:
        """Process the claimed batches in one transaction; return how many events had each outcome."""

    def close(self) -> None:
        """Let go of the connection, which may be the consumer's too."""


Factory = Callable[[], tuple[Consumer, Runs]]


class Worker:
    """Processes claims until told to stop. `make` opens connections: it is called again when they are lost."""

    def __init__(self, make: Factory, *, size: BatchSize | None = None) -> None:
        self._make = make
        self._size = size or configured()
        self._stop = threading.Event()
        #: What was claimed when the system failed. It is released through the next connection, with the
        #: attempt uncounted: an outage must never bring a batch nearer to the dead-letter queue.
        self._in_hand: Sequence[int] = ()

    def stop(self) -> None:
        """Finish the claim in hand, then return from `run`. May be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped; connections that fail are replaced after a pause that doubles up to 2 s."""
        backoff = 0.1
        while not self._stop.is_set():
            try:
                consumer, pipeline = self._make()
            except (psycopg.Error, OSError, MemoryError, NoSlot) as error:
                logger.warning("no connection to the database: %s", error)
            else:
                backoff = 0.1 if self._work(consumer, pipeline) else backoff
            self._stop.wait(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _work(self, consumer: Consumer, pipeline: Runs) -> bool:
        """Work on one pair of connections until stopped or they fail; return whether a claim went through."""
        done = False
        pause = _SHORTEST_WAIT
        recovered = time.monotonic()
        logger.info("processor is ready in slot %s", consumer.slot)
        try:
            self._release(consumer)
            while not self._stop.is_set():
                if time.monotonic() - recovered > _RECOVER_SECONDS:
                    recovered = time.monotonic()
                    consumer.recover()
                if ids := consumer.claim(self._size.events):
                    events = self._process(consumer, pipeline, ids)
                    done, pause = True, _SHORTEST_WAIT
                    if events < _WORTHWHILE and not consumer.busy:
                        self._stop.wait(_LINGER)
                else:
                    self._stop.wait(pause)
                    pause = min(pause * 1.5, _LONGEST_WAIT)
        except (psycopg.Error, OSError, MemoryError) as error:
            telemetry.failures.labels(Fault.SYSTEM.value).inc()
            self._size.failed()
            telemetry.claim_size.set(self._size.events)
            logger.warning("claim rolled back, will be tried again: %s", str(error) or type(error).__name__)
            self._release_at_once(consumer)
        finally:
            consumer.close()
            pipeline.close()
        return done

    def _process(self, consumer: Consumer, pipeline: Runs, ids: Sequence[int]) -> int:
        """Process one claim; return how many events it held."""
        self._in_hand = ids
        started = time.monotonic()
        try:
            events = sum(pipeline.run(ids).values())
        except MassPoison as error:
            self._park(consumer, ids, error)
            return 0
        finally:
            telemetry.claim_seconds.observe(time.monotonic() - started)
        self._in_hand = ()
        self._size.done(events, time.monotonic() - started)
        telemetry.claim_size.set(self._size.events)
        return events

    def _park(self, consumer: Consumer, ids: Sequence[int], error: MassPoison) -> None:
        """Let the batches of a claim be tried one by one; let others go before a single one, for a while."""
        together = len(ids) > 1
        then = (
            "its batches are tried one by one" if together else f"the batch is parked for {_PARK_SECONDS:g} s"
        )
        logger.critical("stopped before emptying a claim into the dead-letter queue: %s: %s", then, error)
        telemetry.mass_poison.labels("split" if together else "parked").inc()
        consumer.park(ids, 0 if together else _PARK_SECONDS)
        self._in_hand = ()
        self._stop.wait(_LINGER)

    def _release_at_once(self, consumer: Consumer) -> None:
        """Release before the slot is let go, where the connection serves: who finds a free slot counts a death."""
        try:
            self._release(consumer)
        except (psycopg.Error, OSError, MemoryError):
            # The next connection does it.
            pass

    def _release(self, consumer: Consumer) -> None:
        if self._in_hand:
            consumer.release(self._in_hand)
            self._in_hand = ()
