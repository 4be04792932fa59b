"""A broker as the bus: what is promised when the broker, a processor or the database goes away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import amqp
import pytest
import pytest_django.fixtures

from config import engine
from config.bootstrap import BootstrapError, _prepare_bus
from config.lib import clock
from config.lib.postgres import connect
from events.bus.base import BusFull, BusUnavailable
from events.bus.broker import BrokerBus
from events.bus.broker_consumer import BrokerConsumer
from events.bus.broker_holding import Holding
from events.bus.broker_link import BrokerLost, drop, open_connection
from events.bus.broker_message import encode
from events.bus.broker_topology import SUSPECTS, Topology, TopologyRefused, count
from events.bus.spool import Spool
from events.bus.spooling import SpoolingBus
from events.contracts import Batch, Lane
from events.gateway.encode import encode_batches
from events.processor import worker
from events.processor.pipeline import Pipeline
from events.processor.worker import Worker
from events.selectors import balance
from tests.integration.test_mass_poison import bug, claims
from tests.support.assertions import assert_balanced
from tests.support.pipeline import append, append_rows, event, new_project, rows
from tests.support.rabbitmq import RabbitMQ, forget_queues, missing
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("rabbitmq")
SHARDS = 2


@pytest.fixture
def bus(
    rabbitmq: str, pipeline: None, settings: pytest_django.fixtures.SettingsWrapper
) -> Iterator[BrokerBus]:
    yield from the_bus_at(rabbitmq, settings)


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitMQ]:
    """A node that is going to be hurt; every test leaves it running.

    It knows its queues well: RabbitMQ 3.10 may forget one whose making it did not live through by a few seconds.
    """
    if reason := missing():
        pytest.skip(reason)
    node = RabbitMQ()
    try:
        node.start()
        with channel_at(node.url) as link:
            topology().declare(link)
        node.stop()
        node.start()
        yield node
    finally:
        node.stop(remove=True)


@pytest.fixture
def own_bus(
    node: RabbitMQ, pipeline: None, settings: pytest_django.fixtures.SettingsWrapper
) -> Iterator[BrokerBus]:
    with channel_at(node.url) as link:
        for queue in topology().queues:
            link.queue_purge(queue)
    yield from the_bus_at(node.url, settings)


def the_bus_at(url: str, settings: pytest_django.fixtures.SettingsWrapper) -> Iterator[BrokerBus]:
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER, settings.BUS_SHARDS = url, True, SHARDS
    engine.forget()
    engine.prepare_bus()
    bus = engine.bus()
    assert isinstance(bus, BrokerBus)
    yield bus
    engine.forget()


def channel(settings: Any) -> AbstractContextManager[amqp.Channel]:
    return channel_at(settings.EVENT_BUS_URL)


@contextmanager
def channel_at(url: str) -> Iterator[amqp.Channel]:
    connection = open_connection(url, name="test", timeout=5)
    try:
        yield connection.channel()
    finally:
        drop(connection)


def topology() -> Topology:
    return Topology(shards=SHARDS, max_bytes=2 << 30)


class Processor:
    """A processor in this thread, which may be killed at any point."""

    def __init__(self) -> None:
        self.consumer, self.pipeline = engine.processor()
        assert isinstance(self.consumer, BrokerConsumer)
        self.holding: Holding = self.consumer._holding

    def claim(self) -> list[int]:
        return list(wait_until(lambda: self.consumer.claim(10_000), what="a claim"))

    def run(self, ids: list[int]) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for (_, outcome), events in self.pipeline.run(ids).items():
            outcomes[outcome.value] += events
        return outcomes

    def settle(self, events: int) -> Counter[str]:
        """Process until so many events have an outcome, and see that no more come."""
        outcomes: Counter[str] = Counter()
        while outcomes.total() < events:
            outcomes += self.run(self.claim())
        assert not self.consumer.claim(10_000)
        return outcomes

    def die(self) -> None:
        """End as the process would: both connections at once."""
        engine._own.__dict__.pop("holding", None)
        self.holding.close()
        self.consumer._connection.close()  # type: ignore[attr-defined]

    def lose_database(self) -> None:
        """Lose the connection to Postgres alone."""
        self.consumer.close()
        self.pipeline.close()


def test_what_is_appended_is_processed_and_the_books_balance(bus: BrokerBus) -> None:
    projects = [new_project() for _ in range(3)]
    for project in projects:
        append(project, [event(f"u{n}") for n in range(50)], size=10)
    assert bus.depth().events == 150
    assert Processor().settle(150) == {"stored": 150}
    assert balance().accepted == 150
    assert_balanced()
    wait_until(lambda: bus.depth().events == 0, what="a look at an empty broker")


def test_a_commit_whose_acknowledgement_is_lost_brings_duplicates_and_nothing_else(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(new_project(), [event(f"u{n}") for n in range(20)])
    first = Processor()
    monkeypatch.setattr(first.consumer, "confirm", lambda ids: None)
    assert first.run(first.claim()) == {"stored": 20}
    first.die()
    assert Processor().settle(20) == {"duplicate": 20}
    assert_balanced()
    assert rows("SELECT count(*) FROM event") == [(20,)]
    assert rows("SELECT count(*) FROM bus_attempt") == [(0,)]


def test_a_batch_that_kills_its_processor_becomes_dead_letters(bus: BrokerBus, settings: Any) -> None:
    append(new_project(), [event("u1"), event("u2")])
    for _ in range(settings.MAX_ATTEMPTS):
        processor = Processor()
        processor.claim()
        processor.die()
    assert Processor().settle(2) == {"dead": 2}
    assert rows("SELECT DISTINCT reason FROM dead_letter") == [("worker_died",)]
    assert_balanced()


def test_innocents_that_were_held_by_the_dead_are_stored(bus: BrokerBus) -> None:
    for _ in range(5):
        append(new_project(), [event("u1")])
    dead = Processor()
    held = 0
    while held < 5:
        held += len(dead.claim())
    dead.die()
    assert Processor().settle(5) == {"stored": 5}


def test_what_is_delivered_again_and_again_goes_to_the_suspects_and_is_judged_there(
    bus: BrokerBus, settings: Any
) -> None:
    append(new_project(), [event("u1")])
    with channel(settings) as link:

        def suspected() -> bool:
            return bool(link.queue_declare(SUSPECTS, passive=True).message_count)

        for _ in range(25):
            if suspected():
                break
            kill_on_arrival()
        wait_until(suspected, what="a suspect")
    assert Processor().settle(1) == {"stored": 1}
    assert_balanced()


def kill_on_arrival() -> None:
    """Receive what comes and die of it, before anything is counted."""
    processor = Processor()
    processor.holding.open()
    processor.holding.read(patience=0.5, events=1, size=1 << 20)
    processor.die()


def test_an_outage_of_the_database_brings_nothing_nearer_to_the_dead_letters(
    bus: BrokerBus, settings: Any
) -> None:
    append(new_project(), [event("u1")])
    ids: list[int] = []
    for _ in range(3 * settings.MAX_ATTEMPTS):
        processor = Processor()
        processor.consumer.release(ids)
        ids = processor.claim()
        processor.lose_database()
    assert rows("SELECT count(*) FROM bus_attempt") == [(0,)]
    processor = Processor()
    processor.consumer.release(ids)
    assert processor.settle(1) == {"stored": 1}


def test_a_suspect_outlives_an_outage_too(bus: BrokerBus, settings: Any) -> None:
    append(new_project(), [event("u1")])
    dead = Processor()
    dead.claim()
    dead.die()
    for _ in range(3 * settings.MAX_ATTEMPTS):
        processor = Processor()
        ids = processor.claim()
        processor.consumer.release(ids)
        processor.lose_database()
    assert rows("SELECT max(attempts) FROM bus_attempt") == [(1,)]
    assert Processor().settle(1) == {"stored": 1}


def test_a_processor_that_ends_gives_back_what_it_held(bus: BrokerBus) -> None:
    append(new_project(), [event("u1")])

    def work() -> None:
        Processor().claim()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert Processor().settle(1) == {"stored": 1}


def test_a_bad_producer_s_batches_hold_up_nobody_and_are_no_dead_letters(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PARK_SECONDS", 0.5)
    monkeypatch.setattr(worker, "_LINGER", 0.01)
    bad, good = new_project(), new_project()
    for _ in range(5):
        append_rows(bad, *[b"garbage"] * 40)
        append(good, [event(f"u{n}") for n in range(20)])
    with working(Worker(engine.processor)):
        wait_until(lambda: rows("SELECT count(*) FROM event") == [(100,)], what="the good project's events")
    assert rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert_balanced()


def test_a_bug_that_refuses_everything_makes_no_dead_letter_and_every_batch_is_tried_alone(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PARK_SECONDS", 0.5)
    monkeypatch.setattr(worker, "_LINGER", 0.01)
    projects = [new_project(), new_project()]
    for project in projects:
        append(project, [event(f"u{n}") for n in range(120)], size=30)
    parked = claims("parked")
    with bug() as mend, working(Worker(engine.processor)):
        # Three of each project, then one of each whenever their rest is over.
        wait_until(lambda: claims("parked") >= parked + 8, what="the projects' third strikes")
        mend()
        wait_until(lambda: rows("SELECT count(*) FROM event") == [(240,)], what="all events")
    assert rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert_balanced()


@contextmanager
def working(employed: Worker) -> Iterator[None]:
    thread = threading.Thread(target=employed.run)
    thread.start()
    try:
        yield
    finally:
        employed.stop()
        thread.join()


def test_a_message_that_cannot_be_read_becomes_dead_letters(bus: BrokerBus, settings: Any) -> None:
    project = new_project()
    message = encode(Batch(project, Lane.LIVE, 3, b"a\nb\nc\n"))
    message.body = b"\x00" + message.body[1:]
    publish(settings, topology().queue_of(project), message)
    append(project, [event("u1")])
    assert Processor().settle(4) == {"dead": 3, "stored": 1}
    assert_balanced()


@pytest.mark.parametrize("headers", [None, {"events": -1, "project": "x", "accepted": 7, "lane": []}])
def test_a_stranger_s_message_stops_nothing(
    bus: BrokerBus, settings: Any, headers: dict[str, Any] | None
) -> None:
    publish(settings, "sluice.events.0", amqp.Message(b"hello", application_headers=headers))
    append(new_project(), [event("u1")])
    assert Processor().settle(2) == {"purged": 1, "stored": 1}


def publish(settings: Any, queue: str, message: amqp.Message) -> None:
    with channel(settings) as link:
        link.confirm_select()
        confirmed: list[int] = []
        link.events["basic_ack"].add(lambda tag, _: confirmed.append(tag))
        link.basic_publish(message, routing_key=queue, mandatory=True)
        while not confirmed:
            link.connection.drain_events(timeout=5)


def test_a_full_shard_refuses_its_own_projects_only(bus: BrokerBus, settings: Any, rabbitmq: str) -> None:
    forget_queues(rabbitmq)
    settings.BUS_MAX_BYTES = 20_000
    engine.forget()
    engine.prepare_bus()
    flood, other = Batch(2, Lane.LIVE, 1, b"x" * 5000 + b"\n"), Batch(3, Lane.LIVE, 1, b"y\n")
    with pytest.raises(BusFull):
        for _ in range(100):
            engine.bus().append(flood)
    engine.bus().append(other)


def test_a_queue_that_is_not_ours_stops_the_start(bus: BrokerBus, settings: Any) -> None:
    with channel(settings) as link:
        link.queue_delete("sluice.events.0")
        link.queue_declare("sluice.events.0", durable=True, auto_delete=False)
    with pytest.raises(TopologyRefused, match=r"sluice\.events\.0"):
        engine.prepare_bus()
    with pytest.raises(BootstrapError, match="EVENT_BUS_URL"):
        _prepare_bus()
    with pytest.raises(TopologyRefused):
        Processor().consumer.claim(10)
    engine.forget()
    with pytest.raises(BusUnavailable):
        engine.bus().append(Batch(2, Lane.LIVE, 1, b"x\n"))
    assert engine.bus().trouble() == "refused"


def test_a_queue_that_vanishes_loses_no_acknowledged_event(bus: BrokerBus, settings: Any) -> None:
    line = Batch(2, Lane.LIVE, 1, b"x\n")
    bus.append(line)
    with channel(settings) as link:
        link.queue_delete("sluice.events.0")
    # The message comes back, and the queue is made anew for the second attempt.
    bus.append(line)
    assert bus.depth().events == 1


def test_a_look_makes_a_queue_that_vanished_anew(bus: BrokerBus, settings: Any) -> None:
    with channel(settings) as link:
        link.queue_delete("sluice.events.0")
        assert bus.trouble() == ""
        link.queue_declare("sluice.events.0", passive=True)


def test_looks_wait_for_each_other_no_longer_than_for_the_broker(own_bus: BrokerBus, node: RabbitMQ) -> None:
    node.freeze()
    try:
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: own_bus.trouble(), range(8))) == {"unreachable"}
        assert time.monotonic() - started < 1.2
    finally:
        node.thaw()
    wait_until(lambda: own_bus.trouble() == "", what="the broker")


def test_a_gateway_whose_broker_is_away_is_not_told_otherwise_by_the_database(
    own_bus: BrokerBus, node: RabbitMQ, tmp_path: Path
) -> None:
    # A spool that takes nothing: there is nothing but the probe to tell.
    spooling = SpoolingBus(own_bus, Spool(tmp_path, max_bytes=0, max_age=1, deadline=1), rest=1)
    line = Batch(1, Lane.LIVE, 1, b"line\n")
    node.kill()
    try:
        with pytest.raises(BusUnavailable):
            spooling.append(line)
        spooling.step()
        assert spooling._away
    finally:
        node.start()
    wait_until(lambda: spooling.step() or not spooling._away, what="the broker")
    spooling.append(line)


def test_what_starts_before_the_broker_waits_for_it(
    own_bus: BrokerBus, node: RabbitMQ, settings: Any, tmp_path: Path
) -> None:
    project, settings.SPOOL_DIR = new_project(), tmp_path
    engine.forget()
    with connect(name="test", autocommit=True) as link:
        link.execute("DELETE FROM bus_look")
    node.kill()
    try:
        _prepare_bus()
        assert as_of() == datetime.fromtimestamp(0, UTC)
        with pytest.raises(BrokerLost):
            Processor().consumer.claim(10)
        bus = engine.ingest_bus()
        (batch,) = encode_batches(project, Lane.HISTORICAL, [event("u1"), event("u2")], clock.now(), 500)
        bus.append(batch)
        assert bus._spool.depth().events == 2
    finally:
        node.start()
    wait_until(lambda: bus.step() or bus._spool.depth().events == 0, what="an empty spool")
    assert Processor().settle(2) == {"stored": 2}
    bus.stop()


def test_a_confirmed_batch_outlives_the_broker_s_death(own_bus: BrokerBus, node: RabbitMQ) -> None:
    project = new_project()
    append(project, [event(f"u{n}") for n in range(40)], size=4)
    node.kill()
    assert own_bus.trouble() == "unreachable"
    with pytest.raises(BusUnavailable):
        append(project, [event("late")])
    node.start()
    assert own_bus.trouble() == ""
    append(project, [event("later")])
    assert Processor().settle(41) == {"stored": 41}


def test_a_broker_that_says_nothing_is_given_up_in_time(own_bus: BrokerBus, node: RabbitMQ) -> None:
    line = Batch(1, Lane.LIVE, 1, b"line\n")
    own_bus.append(line)
    node.freeze()
    started = time.monotonic()
    with pytest.raises(BusUnavailable):
        own_bus.append(line)
    # Without a connection, too.
    with pytest.raises(BusUnavailable):
        own_bus.append(Batch(2, Lane.LIVE, 1, b"line\n"))
    assert time.monotonic() - started < 2.2
    assert own_bus.trouble() == "unreachable"
    node.thaw()
    wait_until(lambda: own_bus.trouble() == "", what="the broker")


def test_a_restart_of_the_broker_under_load_loses_and_doubles_nothing(
    own_bus: BrokerBus, node: RabbitMQ
) -> None:
    projects = [new_project() for _ in range(3)]
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send_until, stop, projects[n % 3], n) for n in range(3)]
        worker = pool.submit(process_until, stop)
        try:
            for how in (node.kill, node.stop):
                wait_for_more()
                how()
                node.start()
            wait_for_more()
        finally:
            stop.set()
        sent = sum(sender.result(60) for sender in senders)
        worker.result(60)
    wait_until(lambda: drained(sent), seconds=60, what="the rest")
    assert rows("SELECT count(*), count(DISTINCT event_id) FROM event") == [(sent, sent)]
    assert rows("SELECT count(*) FROM dead_letter") == [(0,)]
    assert balance().accepted >= sent
    assert_balanced()


def send_until(stop: threading.Event, project: int, number: int) -> int:
    """Append batch after batch, each until it is acknowledged; return how many events were."""
    sent = 0
    while not stop.is_set() and sent < 20_000:
        events = [event(f"u{number}") for _ in range(20)]
        while not acknowledged(project, events):
            stop.wait(0.05)
        sent += len(events)
    return sent


def acknowledged(project: int, events: list[dict[str, Any]]) -> bool:
    try:
        append(project, events)
        return True
    except (BusUnavailable, BusFull):
        return False


def process_until(stop: threading.Event) -> None:
    """Work as a worker does: start over when something is lost."""
    while not stop.is_set():
        consumer, pipeline = engine.processor()
        try:
            work(consumer, pipeline, stop)
        except OSError:
            stop.wait(0.2)
        finally:
            consumer.close()
            pipeline.close()


def work(consumer: Any, pipeline: Pipeline, stop: threading.Event) -> None:
    while not stop.is_set():
        if ids := consumer.claim(10_000):
            pipeline.run(ids)


def wait_for_more() -> None:
    """Wait until more has been stored: everything works."""
    (before,) = rows("SELECT count(*) FROM event")[0]
    wait_until(lambda: rows("SELECT count(*) FROM event")[0][0] > before + 100, what="progress")


def drained(sent: int) -> bool:
    processor = Processor()
    try:
        if ids := processor.consumer.claim(10_000):
            processor.run(list(ids))
    finally:
        processor.lose_database()
    return bool(rows("SELECT count(*) FROM event")[0][0] >= sent and not ids)


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


def receive(holding: Holding) -> None:
    """Have something, before anything is claimed."""
    holding.open()
    wait_until(
        lambda: holding.read(patience=0.1, events=9, size=1 << 20) and holding.held(), what="a message"
    )


def lost() -> Any:
    raise BrokerLost("the broker stands still")


def test_faults_of_the_broker_or_database_are_no_attempts(
    bus: BrokerBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(new_project(), [event("u1")])
    dead = Processor()
    dead.claim()
    dead.die()
    for _ in range(3):
        processor = Processor()
        receive(processor.holding)
        with connect(name="test", autocommit=True) as link:
            link.execute("UPDATE bus_look SET looked_at = '-infinity'")
        monkeypatch.setattr(processor.holding, "counts", lost)
        with pytest.raises(BrokerLost):
            processor.consumer.claim(10)
        processor.die()
    assert rows("SELECT count(*) FROM bus_attempt") == [(0,)]
    assert Processor().settle(1) == {"stored": 1}


def test_attempts_at_messages_that_are_long_gone_are_forgotten(bus: BrokerBus) -> None:
    with connect(name="test", autocommit=True) as link:
        link.execute(
            "INSERT INTO bus_attempt SELECT gen_random_uuid(), 2, now() - age FROM "
            "(VALUES (interval '31 days'), (interval '1 day')) AS ages (age)"
        )
    engine.prepare_bus()
    assert rows("SELECT count(*) FROM bus_attempt") == [(1,)]


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


def engine_consumer() -> BrokerConsumer:
    """Return a consumer that never asks for a message."""
    return BrokerConsumer(connect(name="test", autocommit=True), Holding(lambda: None, topology()))


def as_of() -> datetime:
    ((moment,),) = rows(
        "SELECT least(clock_timestamp(), (SELECT as_of FROM bus_look), (SELECT min(oldest_at) FROM bus_held))"
    )
    assert isinstance(moment, datetime)
    return moment


def test_counts_are_of_ready_messages(bus: BrokerBus, settings: Any) -> None:
    append(new_project(), [event("u1")])
    with channel(settings) as link:
        assert count(link, topology()).ready == 1
    Processor().claim()
    with channel(settings) as link:
        assert count(link, topology()).ready == 0
