"""Celery's part in the store's housekeeping and in removing projects."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from config.engine import store
from events import maintenance


@shared_task
def keep_partitions_ahead() -> None:
    """Make the next days' partitions."""
    maintenance.keep_partitions_ahead(store=store())


@shared_task
def apply_retention() -> list[str]:
    """Drop days older than RETENTION_DAYS."""
    return [str(day) for day in maintenance.apply_retention(store=store(), days=settings.RETENTION_DAYS)]


@shared_task
def prune_ledger() -> int:
    """Forget ids older than DEDUP_WINDOW_DAYS."""
    return maintenance.prune_ledger(days=settings.DEDUP_WINDOW_DAYS)


@shared_task
def fold_outcomes() -> int:
    """Shorten the outcome counters."""
    return maintenance.fold_outcomes()
