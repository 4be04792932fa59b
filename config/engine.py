"""The composition root: the one place that picks which bus, store and rollups run, and puts the pipeline together."""

from __future__ import annotations

from functools import cache, partial

from django.conf import settings

from config.lib.postgres import connect
from dlq.services import record
from events.bus.base import Bus, Consumer
from events.bus.postgres import InboxBus, InboxConsumer
from events.gateway.telemetry import ack_seconds
from events.processor import staging
from events.processor.pipeline import Pipeline
from events.processor.steps import StoreStep, admit, count, dedup, load
from events.processor.work import Step, Work
from events.store.base import Store
from events.store.postgres import PartitionedStore
from metrics.rollups.base import Rollups
from metrics.rollups.postgres import RollupTables
from sessions.services import touch


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
    return PartitionedStore()


@cache
def rollups() -> Rollups:
    """Return the rollups of this installation's engine."""
    return RollupTables()


def processor() -> tuple[Consumer, Pipeline]:
    """Return a consumer and a pipeline on one connection of their own."""
    connection = connect(name="processor", autocommit=True)
    consumer = InboxConsumer(connection, max_events=settings.CLAIM_EVENTS, lease=settings.CLAIM_LEASE_SECONDS)
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
    record(work.cursor, work.letters)
    return work
