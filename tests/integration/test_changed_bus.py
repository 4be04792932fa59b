"""EVENT_BUS_URL was changed: what the other bus left behind is told, and taken along where that can be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from config import engine
from config.lib.postgres import connect
from events.bus.base import BusFull
from events.bus.broker import BrokerBus
from events.bus.switching import move_inbox, waiting_in_inbox
from events.contracts import Batch, Depth
from events.selectors import balance
from tests.support.assertions import assert_balanced
from tests.support.pipeline import append, event, new_project, processor


class Taking:
    """A bus that takes so many batches and is full then."""

    def __init__(self, room: int) -> None:
        self.room, self.batches = room, list[Batch]()

    def append(self, batch: Batch) -> None:
        if len(self.batches) == self.room:
            raise BusFull()
        self.batches.append(batch)

    def depth(self) -> Depth:
        return Depth(0, 0, 0.0)

    def trouble(self) -> str:
        return ""


@pytest.fixture
def left(pipeline: None) -> Iterator[int]:
    """A project with twenty events in the inbox, in two batches."""
    project = new_project()
    append(project, [event() for _ in range(20)], size=10)
    yield project
    engine.forget()


def switch(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a broker be the bus, one that is asked for nothing here."""
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER = "amqp://127.0.0.1:1//", True
    engine.forget()
    monkeypatch.setattr(BrokerBus, "trouble", lambda self: "")


def waiting() -> int:
    with connection.cursor() as cursor:
        return waiting_in_inbox(cursor.cursor)


def test_what_the_inbox_holds_is_told_while_a_broker_is_the_bus(
    left: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(settings, monkeypatch)
    line = Client().get("/health/ready").json()["checks"]["bus"]
    assert line == "ok: 20 events wait, 20 of them in the inbox, which is not the bus"
    assert "sluice_bus_left_events 20.0" in Client().get("/metrics").content.decode()
    with pytest.raises(CommandError, match="20 in the inbox, which processors move"):
        call_command("drain", timeout=0.2)


def test_it_is_moved_as_far_as_there_is_room_and_the_books_hold(left: int) -> None:
    first, second = Taking(1), Taking(9)
    with connect(name="test", autocommit=True) as link:
        with pytest.raises(BusFull):
            move_inbox(link, first)  # type: ignore[arg-type]
        assert waiting() == 20
        assert move_inbox(link, second) == 20  # type: ignore[arg-type]
        assert move_inbox(link, second) == 0  # type: ignore[arg-type]
    assert sum(batch.accepted for batch in second.batches) == 20
    assert (waiting(), balance().accepted, balance().missing) == (0, 0, 0)


def test_what_a_living_processor_holds_is_left_to_it(left: int) -> None:
    with processor() as (consumer, _), connect(name="test", autocommit=True) as link:
        assert consumer.claim(10)
        assert move_inbox(link, Taking(9)) == 10  # type: ignore[arg-type]
    assert waiting() == 10


def test_the_way_back_warns_of_what_the_broker_held(pipeline: None, caplog: pytest.LogCaptureFixture) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bus_look (looked_at, as_of, ready_messages, mean_events) VALUES (now(), now(), 4, 5)"
        )
    with caplog.at_level(logging.WARNING, "sluice.engine"):
        engine.prepare_bus()
        engine.prepare_bus()
    assert [record.getMessage() for record in caplog.records] == [
        "a broker was the bus until now and held about 20 events: they are processed when it is again"
    ]


@pytest.mark.xdist_group("rabbitmq")
def test_a_start_moves_them_to_the_broker_and_they_are_processed(
    left: int, rabbitmq: str, settings: Any
) -> None:
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER, settings.BUS_SHARDS = rabbitmq, True, 2
    engine.forget()
    engine.prepare_bus()
    assert waiting() == 0
    consumer, pipeline = engine.processor()
    try:
        stored = 0
        while stored < 20:
            if ids := consumer.claim(100):
                stored += sum(pipeline.run(ids).values())
    finally:
        consumer.close()
    assert_balanced()
    assert balance().accepted == 20
