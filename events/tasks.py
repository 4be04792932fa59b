"""Celery's part in the store's housekeeping and in removing projects."""

from __future__ import annotations

from datetime import date

from celery import shared_task
from django.conf import settings

from config.engine import rollups, store
from events import maintenance, operations
from events.plan import services as plan


@shared_task
def keep_partitions_ahead() -> None:
    """Make the next days' partitions."""
    maintenance.keep_partitions_ahead(store=store())


@shared_task
def apply_retention() -> list[str]:
    """Drop days older than RETENTION_DAYS."""
    dropped = maintenance.apply_retention(store=store(), rollups=rollups(), days=settings.RETENTION_DAYS)
    return [str(day) for day in dropped]


@shared_task
def prune_ledger() -> int:
    """Forget ids older than DEDUP_WINDOW_DAYS."""
    return maintenance.prune_ledger(days=settings.DEDUP_WINDOW_DAYS)


@shared_task
def fold_outcomes() -> int:
    """Shorten the outcome counters."""
    return maintenance.fold_outcomes()


@shared_task
def forget_violations() -> int:
    """Forget how often plans were broken long ago."""
    return plan.forget_violations()


@shared_task
def compress_day(day: str, operation: int | None = None) -> str:
    """Turn the partition that begins on `day` into columns, for the `Operation` of somebody who asked."""
    with operations.watched(operation) as tell:
        return tell(operations.compress(store=store(), day=date.fromisoformat(day)))


@shared_task
def drop_days(before: str, operation: int | None = None) -> str:
    """Drop the raw events of all days before `before`, for the `Operation` of somebody who asked."""
    with operations.watched(operation) as tell:
        day = date.fromisoformat(before)
        dropped = maintenance.drop_before(store=store(), rollups=rollups(), day=day)
        return tell(f"days dropped: {len(dropped)}")
