"""The composition root: the one place that picks which bus, store and rollups run, and puts the pipeline together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from django.conf import settings

from config.lib import engine
from config.lib.engine import EngineError, Level
from config.lib.postgres import connect
from dlq.services import record
from events.bus.base import Bus, Consumer
from events.bus.postgres import InboxBus
from events.bus.postgres_consumer import InboxConsumer
from events.gateway.telemetry import ack_seconds
from events.processor import staging
from events.processor.pipeline import Pipeline
from events.processor.steps import StoreStep, admit, count, dedup, load
from events.processor.work import Step, Work
from events.store.base import Store
from events.store.postgres import PartitionedStore
from events.store.timescale import HypertableStore
from metrics.rollups.base import Rollups
from metrics.rollups.postgres import RollupTables
from metrics.rollups.timescale import ContinuousAggregates
from sessions.services import touch

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
    deadline = settings.ACK_DEADLINE_MS / 1000
    return InboxBus(
        partial(connect, name="gateway", autocommit=True, deadline=deadline, prepare=True),
        max_events=settings.BUS_MAX_EVENTS,
        max_bytes=settings.BUS_MAX_BYTES,
        deadline=deadline,
        observe=ack_seconds.observe,
    )


@cache
def store() -> Store:
    """Return the store of this installation's engine."""
    return STORES[level()]()


@cache
def rollups() -> Rollups:
    """Return the rollups of this installation's engine."""
    return ROLLUPS[level()]()


def forget() -> None:
    """Ask again what the database is: for whoever turns to another one."""
    for kept in (bus, level, store, rollups):
        kept.cache_clear()


def processor() -> tuple[Consumer, Pipeline]:
    """Return a consumer and a pipeline on one connection of their own."""
    connection = connect(name="processor", autocommit=True)
    consumer = InboxConsumer(connection, lease=settings.CLAIM_LEASE_SECONDS)
    staging.create(connection)
    pipeline = Pipeline(
        connection=connection, consumer=consumer, steps=steps(), max_attempts=settings.MAX_ATTEMPTS
    )
    return consumer, pipeline


def steps() -> tuple[Step, ...]:
    """Return the steps that every claim passes through, in order."""
    return (admit, load, dedup, StoreStep(store()), update_rollups, touch_sessions, write_dead_letters, count)


def update_rollups(work: Work) -> Work:
    """Add the fresh events to the rollups."""
    rollups().apply(work.cursor, work.slot)
    return work


def touch_sessions(work: Work) -> Work:
    """Note whose sessions are to be rebuilt."""
    touch(work.cursor)
    return work


def write_dead_letters(work: Work) -> Work:
    """Write the claim's dead letters."""
    work.outcomes += record(work.cursor, work.letters)
    return work
