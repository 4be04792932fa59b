"""The whole of Sluice on brokers: RabbitMQ as the bus and for Celery, hurt under load; Redis for Celery."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.acceptance.test_crash import Sender, assert_all_there, kill_processor, wait_for_more
from tests.support.books import assert_exact, books_of
from tests.support.instance import RunningSluice
from tests.support.rabbitmq import RabbitMQ, missing
from tests.support.redis_server import RedisServer
from tests.support.redis_server import missing as redis_missing
from tests.support.tenants import remote_tenants
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("rabbitmq")]


@pytest.fixture
def node() -> Iterator[RabbitMQ]:
    if reason := missing():
        pytest.skip(reason)
    node = RabbitMQ()
    try:
        node.start()
        yield node
    finally:
        node.stop(remove=True)


@pytest.fixture
def redis() -> Iterator[str]:
    if reason := redis_missing():
        pytest.skip(reason)
    server = RedisServer()
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


def test_what_was_acknowledged_is_counted_once_whatever_happens_to_broker_and_processors(
    node: RabbitMQ,
) -> None:
    env = {"EVENT_BUS_URL": node.url, "CELERY_BROKER_URL": node.url, "PROCESSORS": "2"}
    with RunningSluice(env=env) as sluice:
        (tenant,) = remote_tenants(sluice, "acme")
        senders = [Sender(tenant, seed) for seed in range(3)]
        for sender in senders:
            sender.start()
        try:
            wait_for_more(senders)
            kill_processor(sluice)
            wait_for_more(senders)
            node.kill()
            # The spool takes them.
            wait_for_more(senders)
            node.start()
            wait_for_more(senders)
            kill_processor(sluice)
            wait_for_more(senders)
        finally:
            for sender in senders:
                sender.finish()
        sluice.drain(timeout=180)
        assert_all_there(tenant, [event for sender in senders for event in sender.acknowledged])
        assert_exact(sluice)
        assert "dead" not in books_of(sluice)["outcomes"], "a fault of the system's made a dead letter"
        wait_until(sluice.is_ready, what="readiness")


def test_celery_runs_on_redis(redis: str) -> None:
    with RunningSluice(env={"CELERY_BROKER_URL": redis}) as sluice:
        now = datetime.now(UTC).isoformat()
        events = [
            {"eventId": str(uuid.uuid4()), "type": "view", "userId": f"u{n}", "ts": now} for n in range(5)
        ]
        assert sluice.send(events).status == 202
        sluice.drain()
        sessions = sluice.get("/api/sessions", range="1h").json()["sessions"]
        assert len(sessions) == 5
