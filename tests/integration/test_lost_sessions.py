"""A session whose client is gone keeps its locks for a while: nobody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import psycopg

from config import engine
from events.bus.base import Consumer
from events.processor.worker import Worker
from tests.support.pipeline import append, event, rows
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until


class Lost:
    """A processor that takes its claim, and is then cut off from the server, which does not hear of it."""

    def __init__(self) -> None:
        self._consumer, self._pipeline = engine.processor()
        self.slot, self.claim, self.release = (
            self._consumer.slot,
            self._consumer.claim,
            self._consumer.release,
        )
        self.taken = threading.Event()

    def run(self, ids: Sequence[int]) -> dict[Any, int]:
        link = self._pipeline._connection
        link.execute("BEGIN")
        assert self._consumer.take(link.cursor(), ids)
        self.taken.set()
        raise psycopg.OperationalError("the network is down")

    def close(self) -> None:
        """Nothing reaches the server."""

    def end(self) -> None:
        self._consumer.close()


def stored(tenant: Tenant) -> int:
    return int(rows("SELECT count(*) FROM event WHERE project_id = %s", tenant.id)[0][0])


def test_batches_that_a_lost_session_has_locked_hold_up_nobody(acme: Tenant, globex: Tenant) -> None:
    append(acme.id, [event("u1")])
    lost = Lost()
    made: list[Any] = [(lost, lost)]

    def make() -> tuple[Consumer, Any]:
        return made.pop() if made else engine.processor()

    worker = Worker(make)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert lost.taken.wait(10)
        append(globex.id, [event("u2")])
        wait_until(lambda: stored(globex) == 1, seconds=10, what="the other project's event")
        assert stored(acme) == 0
        lost.end()
        wait_until(lambda: stored(acme) == 1, what="the event that the lost session had")
    finally:
        lost.end()
        worker.stop()
        thread.join()
