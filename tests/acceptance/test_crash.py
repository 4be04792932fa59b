"""kill -9 of a processor, a gateway worker and the whole gateway, in the middle of a run: exactly once all the same."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.books import assert_exact
from tests.support.instance import RunningSluice
from tests.support.sessions_model import sessions_of
from tests.support.tenants import RemoteTenant, remote_tenants
from tests.support.waiting import wait_until

pytestmark = pytest.mark.acceptance
CLIENTS, BATCH = 4, 25


class Sender(threading.Thread):
    """A client that retries each batch, ids unchanged, until it is accepted; it stops after the batch in hand."""

    def __init__(self, tenant: RemoteTenant, seed: int) -> None:
        super().__init__()
        self._tenant = tenant
        self._chance = random.Random(seed)
        self._done = threading.Event()
        self.acknowledged: list[dict[str, Any]] = []
        self.retries = 0

    def run(self) -> None:
        while not self._done.is_set():
            batch = [self._event() for _ in range(BATCH)]
            while not self._accepted(batch):
                self.retries += 1
                self._done.wait(0.02)
            self.acknowledged += batch

    def finish(self) -> None:
        self._done.set()
        self.join(30)
        assert not self.is_alive()

    def _accepted(self, batch: list[dict[str, Any]]) -> bool:
        try:
            return self._tenant.send(batch).status == 202
        except (OSError, ValueError):
            return False
        except Exception as error:
            # http.client has its own errors for a connection that ends in the middle of an answer.
            return bool(type(error).__module__ != "http.client" and _raise(error))

    def _event(self) -> dict[str, Any]:
        ago = timedelta(minutes=self._chance.randrange(3000))
        return {
            "eventId": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            "ts": (datetime.now(UTC) - ago).isoformat(timespec="milliseconds"),
            "type": self._chance.choice(["view", "order"]),
            "userId": f"u{self._chance.randrange(30)}",
        }


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture(scope="module")
def sluice() -> Iterator[RunningSluice]:
    """A Sluice of its own: it is going to be hurt."""
    with RunningSluice(env={"PROCESSORS": "2", "WEB_WORKERS": "2"}) as running:
        yield running


def test_what_was_acknowledged_is_counted_exactly_once_whatever_is_killed(sluice: RunningSluice) -> None:
    (tenant,) = remote_tenants(sluice, "acme")
    senders = [Sender(tenant, seed) for seed in range(CLIENTS)]
    for sender in senders:
        sender.start()
    try:
        for kill in (kill_processor, kill_gateway_worker, kill_gateway, kill_processor):
            wait_for_more(senders)
            kill(sluice)
        wait_for_more(senders)
    finally:
        for sender in senders:
            sender.finish()
    sluice.drain()
    assert sum(sender.retries for sender in senders), "the kills went unnoticed: nothing was tested"
    assert_all_there(tenant, [event for sender in senders for event in sender.acknowledged])
    assert_exact(sluice)


def wait_for_more(senders: list[Sender], batches: int = 20) -> None:
    """Wait until every client got some more batches through: the system works again."""
    goals = [len(sender.acknowledged) + batches * BATCH for sender in senders]
    wait_until(
        lambda: all(len(sender.acknowledged) >= goal for sender, goal in zip(senders, goals, strict=True)),
        what="progress of every client",
    )


def kill_processor(sluice: RunningSluice) -> None:
    sluice.wait_replaced("processor.1", sluice.kill("processor.1"))


def kill_gateway_worker(sluice: RunningSluice) -> None:
    pid = sluice.kill_web_worker()
    wait_until(
        lambda: pid not in sluice.pids("web") and len(sluice.pids("web")) >= 3, what="a new web worker"
    )


def kill_gateway(sluice: RunningSluice) -> None:
    sluice.wait_replaced("web", sluice.kill("web"))


def assert_all_there(tenant: RemoteTenant, sent: list[dict[str, Any]]) -> None:
    """Compare every event, count and session with what the clients were promised."""
    stored = tenant.pages("/api/events", "events", range="7d", limit=1000)
    assert sorted(one["eventId"] for one in stored) == sorted(one["eventId"] for one in sent)
    assert tenant.total("count", "7d") == len(sent)
    expected = sessions_of((one["userId"], datetime.fromisoformat(one["ts"])) for one in sent)
    sessions = tenant.pages("/api/sessions", "sessions", range="7d", limit=1000)
    found = [
        (
            one["userId"],
            datetime.fromisoformat(one["start"]),
            datetime.fromisoformat(one["end"]),
            one["events"],
        )
        for one in sessions
    ]
    assert sorted(found) == expected
