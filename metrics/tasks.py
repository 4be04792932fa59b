"""Celery's part in the rollups."""

from __future__ import annotations

from datetime import date

from celery import shared_task

from config.engine import own_bus, rollups, store
from config.lib.postgres import connect
from events import days, operations
from metrics.selectors import rollup_pending_seconds

#: Seconds that one refresh may take: a first one may read all history.
_DEADLINE = 3600.0
#: Events in the bus from which on refreshes wait, and seconds after which they do not wait any longer.
_BACKLOG, _LONGEST_WAIT = 20_000, 30.0


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
        return tell(f"days computed again: {len(spans)}")
