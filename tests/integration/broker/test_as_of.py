"""A broker as the bus: `asOf` is never later than the truth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from config import engine
from config.bootstrap import BootstrapError, _prepare_bus
from config.lib.postgres import connect
from events.bus.broker import BrokerBus
from tests.support.brokered import (
    Processor,
    as_of,
    engine_consumer,
)
from tests.support.pipeline import append, event, new_project, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("rabbitmq")


def test_as_of_stands_still_while_something_waits_and_goes_on_afterwards(bus: BrokerBus) -> None:
    append(new_project(), [event("u1")])
    waiting_since = datetime.now(UTC)
    processor = Processor()
    ids = processor.claim()
    until = time.monotonic() + 2
    while time.monotonic() < until:
        # However often the broker, which has nothing more, is looked at meanwhile.
        assert not processor.consumer.claim(1000)
        assert as_of() <= waiting_since
    processor.run(ids)
    settled = datetime.now(UTC)
    wait_until(lambda: processor.consumer.claim(1000) or as_of() > settled, what="progress of asOf")


def test_as_of_is_never_later_than_the_truth_however_slow_a_processor_s_database_is(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = Processor(), another_processor()
    # The other one is who looks.
    monkeypatch.setattr(slow.consumer, "_look", lambda: None)
    started = datetime.now(UTC)
    wait_until(lambda: work_off(slow, other) or as_of() > started, what="both accounts")
    wait_until(lambda: work_off(slow) or has_read_since_the_look(slow), what="an account after the look")
    project, execute = new_project(), slow.consumer._execute  # type: ignore[attr-defined]
    appended: list[datetime] = []

    def execute_late(block: str, **params: Any) -> Any:
        """Let one account stand still on its way, while messages come and the other processor looks again and again."""
        if block == "hold" and not appended:
            append(project, [event(f"u{n}") for n in range(6)], size=1)
            appended.append(datetime.now(UTC))
            for _ in a_while():
                work_off(other)
        return execute(block, **params)

    monkeypatch.setattr(slow.consumer, "_execute", execute_late)
    wait_until(lambda: slow.consumer.claim(10) or appended, what="an account that is late")
    for _ in a_while():
        work_off(other)
        assert as_of() <= appended[0]
    assert rows("SELECT count(*) FROM event")[0][0] < 6, "the slow one was to have some"
    wait_until(lambda: work_off(slow, other) or rows("SELECT count(*) FROM event") == [(6,)], what="the rest")
    slow.die()
    other.die()


def has_read_since_the_look(processor: Processor) -> bool:
    """Tell whether the next look will call what the last one saw complete."""
    return bool(
        rows(
            "SELECT FROM bus_held AS h, bus_look WHERE holder = %s AND h.looked_at > seen_at + interval '0.3 s'",
            processor.holding.id,
        )
    )


def another_processor() -> Processor:
    """Return a processor that does not share what this thread's other ones hold."""
    engine._own.__dict__.pop("holding", None)
    return Processor()


def work_off(*processors: Processor) -> None:
    """Let each make one claim, and process what it is."""
    for processor in processors:
        if ids := processor.consumer.claim(10):
            processor.run(list(ids))


def a_while() -> Iterator[None]:
    """Go on for longer than it takes the account to follow."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        yield


def test_an_account_without_a_look_calls_nothing_complete(bus: BrokerBus) -> None:
    with connect(name="test", autocommit=True) as link:
        link.execute("DELETE FROM bus_look")
        assert bus.left(link.cursor(), datetime.fromtimestamp(0, UTC)) > 0


def test_the_account_is_kept_while_a_processor_takes_from_the_broker(bus: BrokerBus, settings: Any) -> None:
    processor = Processor()
    processor.consumer.claim(10)
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER = "postgres://", False
    with pytest.raises(BootstrapError, match="still take batches from a broker: 1"):
        _prepare_bus()
    assert rows("SELECT count(*) FROM bus_look, bus_held") == [(1,)]
    processor.die()
    wait_until(forgotten, what="the end of the session")


def forgotten() -> bool:
    try:
        _prepare_bus()
    except BootstrapError:
        return False
    return not rows("SELECT FROM bus_look")


def test_a_claim_that_was_lost_on_the_way_leaves_its_account(bus: BrokerBus) -> None:
    append(new_project(), [event("u1")])
    processor = Processor()
    ids = processor.claim()
    processor.holding.close()
    assert processor.run(ids) == {}
    assert rows("SELECT sum(events)::int FROM bus_held") == [(1,)]


def test_as_of_goes_back_when_what_was_held_returns_to_the_broker(bus: BrokerBus) -> None:
    append(new_project(), [event("u1")])
    waiting_since = datetime.now(UTC)
    dead, other = Processor(), engine_consumer()
    dead.claim()
    dead.die()
    wait_until(
        lambda: other.recover() or not rows("SELECT 1 FROM bus_held WHERE events > 0"), what="the reaping"
    )
    assert as_of() <= waiting_since
    assert bus.depth().events == 1
    with connect(name="test", autocommit=True) as link:
        assert bus.left(link.cursor(), waiting_since) == 1
    other.close()
