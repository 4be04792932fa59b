"""The composition root: the one place that picks which bus, store and rollups run, and puts the pipeline together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from typing import Any

import psycopg
from django.conf import settings

from config.lib import clock, engine
from config.lib.engine import EngineError, Level
from config.lib.errors import SluiceError
from config.lib.postgres import connect
from dlq.services import record
from events.bus.base import Bus, Consumer
from events.bus.broker import BrokerBus, forget_broker
from events.bus.broker_consumer import BrokerConsumer
from events.bus.broker_holding import Holding
from events.bus.broker_link import BrokerLost, open_connection
from events.bus.broker_topology import Topology
from events.bus.postgres import InboxBus
from events.bus.postgres_consumer import InboxConsumer
from events.bus.spool import Spool
from events.bus.spooling import SpoolingBus
from events.bus.switching import left_in_broker, move_inbox, waiting_in_inbox
from events.gateway.telemetry import ack_seconds
from events.plan.counting import count_violations
from events.processor import staging
from events.processor.pipeline import Pipeline
from events.processor.steps import StoreStep, admit, count, dedup, load
from events.processor.work import Step, Work
from events.store.base import Store
from events.store.postgres import PartitionedStore
from events.store.timescale import HypertableStore
from metrics.catalogue.services import observe
from metrics.definitions import writing as definitions
from metrics.definitions.aliases import note_alias
from metrics.definitions.kept import WithDefinitions
from metrics.people.services import learn
from metrics.rollups.base import Rollups
from metrics.rollups.postgres import RollupTables
from metrics.rollups.timescale import ContinuousAggregates
from metrics.versions import bump_staged
from sessions.services import touch

logger = logging.getLogger("sluice.engine")
#: What each level stores and counts with.
STORES: dict[Level, Callable[[], Store]] = {
    Level.POSTGRES: PartitionedStore,
    Level.APACHE: partial(HypertableStore, columnstore=False),
    Level.COMMUNITY: partial(HypertableStore, columnstore=True),
}
ROLLUPS: dict[Level, Callable[[], Rollups]] = {
    Level.POSTGRES: RollupTables,
    Level.APACHE: RollupTables,
    Level.COMMUNITY: ContinuousAggregates,
}


#: How much of the time for an answer an append may take, and the spool after it. With those of a known key
#: (`events.gateway.auth`) and of a quota they are less than the whole: a request goes through all four.
_BUS_SHARE, _SPOOL_SHARE = 0.5, 0.25
#: Seconds that a processor waits for an answer of the broker's.
_BROKER_SECONDS = 10.0
#: Seconds that a transaction may take which moves some batches to it.
_MOVE_SECONDS = 300.0
#: A processor thread's own.
_own = threading.local()


@cache
def level() -> Level:
    """Return what the database was made for. Raises EngineError before the first migrate, and where it cannot be."""
    with connect(name="engine", autocommit=True) as connection:
        found = engine.recorded(connection.cursor())
        wrong = engine.mismatch(connection.cursor())
    if found is None:
        raise EngineError("the database is empty: run `manage.py migrate` first")
    if wrong:
        raise EngineError(": ".join(wrong))
    return found


@cache
def bus() -> Bus:
    """Return this process's bus."""
    return _open_bus(settings.ACK_DEADLINE_MS / 1000)


@cache
def own_bus() -> Bus:
    """Return the bus as the user of DATABASE_URL has it: processors and tasks need no other role's grants."""
    return _open_bus(settings.ACK_DEADLINE_MS / 1000, alias="default")


@cache
def ingest_bus() -> SpoolingBus:
    """Return the bus that requests append to: while the one behind it is away, they are spooled to disk."""
    deadline = settings.ACK_DEADLINE_MS / 1000
    spool = Spool(
        settings.SPOOL_DIR,
        max_bytes=settings.SPOOL_MAX_BYTES,
        max_age=settings.SPOOL_MAX_AGE_SECONDS,
        deadline=deadline * (_BUS_SHARE + _SPOOL_SHARE),
    )
    return SpoolingBus(_open_bus(deadline * _BUS_SHARE), spool, rest=deadline * _SPOOL_SHARE)


def _open_bus(deadline: float, *, alias: str = "gateway") -> Bus:
    """Open a bus whose appends take at most `deadline` seconds."""
    if settings.BUS_IS_BROKER:
        return _open_broker(deadline, alias=alias)
    return InboxBus(
        partial(connect, name="gateway", alias=alias, autocommit=True, deadline=deadline, prepare=True),
        max_events=settings.BUS_MAX_EVENTS,
        max_bytes=settings.BUS_MAX_BYTES,
        max_age=settings.BUS_MAX_AGE_SECONDS,
        deadline=deadline,
        observe=ack_seconds.observe,
    )


def _open_broker(deadline: float, *, alias: str = "gateway") -> BrokerBus:
    return BrokerBus(
        lambda timeout: open_connection(settings.EVENT_BUS_URL, name="gateway", timeout=timeout),
        partial(connect, name="bus depth", alias=alias, autocommit=True, deadline=deadline),
        _topology(),
        deadline=deadline,
        observe=ack_seconds.observe,
    )


def _topology() -> Topology:
    return Topology(shards=settings.BUS_SHARDS, max_bytes=settings.BUS_MAX_BYTES)


def prepare_bus() -> None:
    """Make what the bus needs beside the database. A broker that is away is waited for by all who need it.

    Raises TopologyRefused where a queue is not ours, BrokerInUse where others think that a broker is the bus.
    """
    if settings.BUS_IS_BROKER:
        try:
            broker = _open_broker(_BROKER_SECONDS, alias="default")
            broker.prepare()
            _move_inbox(broker)
        except BrokerLost as error:
            logger.warning("the broker cannot be reached, events are spooled until it is back: %s", error)
        return
    with connect(name="bus", autocommit=True) as connection:
        held = left_in_broker(connection.cursor())
        forget_broker(connection.cursor())
    if held:
        logger.warning(
            "a broker was the bus until now and held about %d events: they are processed when it is again",
            held,
        )


def _move_inbox(broker: Bus) -> None:
    """Give the broker what the inbox still holds; what does not fit waits for the next start."""
    with connect(name="bus", autocommit=True, deadline=_MOVE_SECONDS) as connection:
        if not (events := waiting_in_inbox(connection.cursor())):
            return
        logger.warning(
            "%d events wait in the inbox, which nobody reads while a broker is the bus: it gets them now",
            events,
        )
        try:
            move_inbox(connection, broker)
        except SluiceError as error:
            logger.warning("some events stay in the inbox until the next start: %s", error)


@cache
def store() -> Store:
    """Return the store of this installation's engine."""
    return STORES[level()]()


@cache
def rollups() -> Rollups:
    """Return the rollups of this installation's engine, and those of defined metrics with them."""
    return WithDefinitions(ROLLUPS[level()]())


def forget() -> None:
    """Ask again what the database is: for whoever turns to another one."""
    for kept in (bus, own_bus, ingest_bus, level, store, rollups):
        kept.cache_clear()
    if holding := _own.__dict__.pop("holding", None):
        holding.close()


def processor() -> tuple[Consumer, Pipeline]:
    """Return a consumer and a pipeline on one connection of their own."""
    connection = connect(name="processor", autocommit=True)
    consumer = _consumer(connection)
    staging.create(connection)
    pipeline = Pipeline(
        connection=connection,
        consumer=consumer,
        steps=steps(),
        max_attempts=settings.MAX_ATTEMPTS,
        # The rest is for the commit.
        search_seconds=settings.CLAIM_LEASE_SECONDS / 2,
    )
    return consumer, pipeline


def _consumer(connection: psycopg.Connection[tuple[Any, ...]]) -> Consumer:
    """Return this thread's side of the bus. What it holds of a broker's messages outlives `connection`."""
    if not settings.BUS_IS_BROKER:
        return InboxConsumer(connection, lease=settings.CLAIM_LEASE_SECONDS)
    if "holding" not in _own.__dict__:
        dial = partial(
            open_connection,
            settings.EVENT_BUS_URL,
            name="processor",
            timeout=_BROKER_SECONDS,
            # The broker takes messages back after two beats without one.
            heartbeat=max(1, settings.CLAIM_LEASE_SECONDS // 2),
        )
        _own.holding = Holding(dial, _topology())
    return BrokerConsumer(connection, _own.holding)


def steps() -> tuple[Step, ...]:
    """Return the steps that every claim passes through, in order."""
    return (
        admit,
        load,
        dedup,
        StoreStep(store()),
        update_rollups,
        update_definitions,
        touch_sessions,
        note_properties,
        update_people,
        write_dead_letters,
        count_violations,
        count,
        outdate_answers,
    )


def update_rollups(work: Work) -> Work:
    """Add the fresh events to the rollups."""
    rollups().apply(work.cursor, work.slot)
    return work


def update_definitions(work: Work) -> Work:
    """Add the fresh events to the rollups of defined metrics."""
    definitions.apply(work.cursor, work.slot, sorted({part.project_id for part in work.rows}))
    return work


def touch_sessions(work: Work) -> Work:
    """Note whose sessions are to be rebuilt."""
    touch(work.cursor)
    return work


def note_properties(work: Work) -> Work:
    """Note which properties arrive."""
    observe(work.cursor, slot=work.slot, fresh=work.loaded)
    return work


def update_people(work: Work) -> Work:
    """Keep what is said of users, and join the ids that are said to be one person's."""
    for joined in learn(work.cursor):
        work.joined.add(joined.project_id)
        note_alias(work.cursor, joined.project_id, joined.ids)
    return work


def write_dead_letters(work: Work) -> Work:
    """Write the claim's dead letters."""
    work.outcomes += record(work.cursor, work.letters)
    return work


def outdate_answers(work: Work) -> Work:
    """Make kept answers old where events came that are older than any were expected (imports and replays), and where
    some are another person's now.
    """
    bump_staged(work.cursor, clock.now() - timedelta(days=settings.MAX_AGE_DAYS), also=work.joined)
    return work
