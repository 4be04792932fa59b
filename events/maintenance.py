"""The store's housekeeping: partitions ahead, retention, the ledger's window, the counters' length."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta

from django.conf import settings

from config.lib import clock, sqlfile
from config.lib.postgres import connect
from events.store.base import Store, days_between

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "maintenance.sql")
#: Rows deleted in one transaction: small enough that nobody notices.
_CHUNK = 10_000


def keep_partitions_ahead(*, store: Store) -> None:
    """Make the partitions of yesterday, today and the next days, so that ingest need not."""
    today = clock.now().date()
    days = list(
        days_between(today - timedelta(days=1), today + timedelta(days=settings.PARTITIONS_AHEAD_DAYS))
    )
    with connect(name="partitions") as connection:
        store.prepare(connection.cursor(), days)


def apply_retention(*, store: Store, days: int) -> list[date]:
    """Drop whole days older than `days`; 0 keeps everything. Rollups and sessions stay. Return what was dropped."""
    if days <= 0:
        return []
    with connect(name="retention", deadline=60) as connection:
        dropped = store.drop_before(connection.cursor(), clock.now().date() - timedelta(days=days))
    for day in dropped:
        logger.warning("retention dropped the events of %s", day)
    return dropped


def prune_ledger(*, days: int) -> int:
    """Forget ids entered more than `days` ago, in small transactions; return how many."""
    return sum(_pruned("prune_ledger", {"days": days, "chunk": _CHUNK}))


def fold_outcomes(*, days: int = 30) -> int:
    """Fold the outcome counters of minutes older than `days` into one row each; return how many were folded."""
    with connect(name="outcomes") as connection:
        return connection.execute(SQL["fold_outcomes"], {"days": days}).rowcount


def _pruned(block: str, params: dict[str, int]) -> Iterator[int]:
    with connect(name="maintenance", autocommit=True) as connection:
        while gone := connection.execute(SQL[block], params).rowcount:
            yield gone
