"""Celery's part in the rollups."""

from __future__ import annotations

from datetime import date

from celery import shared_task

from config.engine import own_bus, rollups, store
from config.lib.postgres import connect
from events import days, operations
from metrics.definitions import tending
from metrics.selectors import rollup_pending_seconds
from metrics.versions import bump_all

#: Seconds that one refresh may take: a first one may read all history.
_DEADLINE = 3600.0
#: Events in the bus from which on refreshes wait, and seconds after which they do not wait any longer.
_BACKLOG, _LONGEST_WAIT = 20_000, 30.0
#: Seconds for each kind of work on defined metrics: sessions share the worker.
_TENDING_SECONDS = 3.0
#: Seconds in an hour for computing days anew in which users count twice.
_MENDING_SECONDS = 60.0


@shared_task
def catch_up_rollups() -> bool:
    """Count the late events that were only noted so far, but let a flood go first: it touches the same hours again."""
    if not rollups().can_lag:
        return True
    if own_bus().depth().events > _BACKLOG and rollup_pending_seconds() < _LONGEST_WAIT:
        return False
    with connect(name="rollups", autocommit=True, deadline=_DEADLINE) as connection:
        return rollups().catch_up(connection)


@shared_task
def tend_definitions() -> str:
    """Compute defined metrics over history and do what else waits; in small pieces while ingest is behind."""
    seconds = 0.0 if own_bus().depth().events > _BACKLOG else _TENDING_SECONDS
    with connect(name="definitions", autocommit=True, deadline=_DEADLINE) as connection:
        return tending.tend(connection, seconds=seconds)


@shared_task
def keep_definitions_small() -> str:
    """Fold large groups of users into registers, and mend those that count users twice."""
    with connect(name="definitions", autocommit=True, deadline=_DEADLINE) as connection:
        return tending.keep_small(connection, seconds=_MENDING_SECONDS)


@shared_task
def sweep_definitions() -> str:
    """Do the same for all days, and count what there is."""
    with connect(name="definitions", autocommit=True, deadline=_DEADLINE) as connection:
        return tending.sweep(connection)


@shared_task
def refresh_days(first: str, last: str, operation: int | None = None) -> str:
    """Compute the rollups of the days `first` to `last` again, for the `Operation` of somebody who asked."""
    span = {"first": date.fromisoformat(first), "last": date.fromisoformat(last)}
    with (
        operations.watched(operation) as tell,
        connect(name="refresh", autocommit=True, deadline=_DEADLINE) as connection,
    ):
        spans = days.in_store(connection, store(), rollups(), **span)
        for start, end in spans:
            rollups().rebuild(connection, start, end)
            bump_all(connection.cursor())
        return tell(f"days computed again: {len(spans)}")
