"""The store's housekeeping: partitions ahead, retention, the ledger's window, the counters' length."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta

from django.conf import settings

from config.lib import clock, sqlfile
from config.lib.errors import SluiceError
from config.lib.postgres import connect
from events.store.base import Store, days_between
from metrics.rollups.base import Rollups
from metrics.rollups.settle import settle
from metrics.versions import bump_all

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "maintenance.sql")
#: Rows deleted in one transaction: small enough that nobody notices.
_CHUNK = 10_000
#: Seconds that retention waits for late events to be counted.
_PATIENCE = 600.0


class NotSettled(SluiceError):
    """These days cannot be dropped yet: the rollups miss late events, or their policies reach them. Try again later."""

    code = "not_settled"
    http_status = 409


def keep_partitions_ahead(*, store: Store) -> None:
    """Make the partitions of yesterday, today and the next days, so that ingest need not."""
    today = clock.now().date()
    days = list(
        days_between(today - timedelta(days=1), today + timedelta(days=settings.PARTITIONS_AHEAD_DAYS))
    )
    with connect(name="partitions") as connection:
        store.prepare(connection.cursor(), days)


def apply_retention(*, store: Store, rollups: Rollups, days: int) -> list[date]:
    """Drop whole days older than `days`; 0 keeps everything. Rollups and sessions stay. Return what was dropped."""
    if days <= 0:
        return []
    return drop_before(store=store, rollups=rollups, day=clock.now().date() - timedelta(days=days))


def drop_before(*, store: Store, rollups: Rollups, day: date) -> list[date]:
    """Drop the raw events of every day before `day` that is whole in its partitions; return the days.

    Raises NotSettled where a rollup misses events of them, or would be computed again: try again later.
    """
    with connect(name="catch up", autocommit=True, deadline=_PATIENCE) as connection:
        settle(rollups, connection, seconds=_PATIENCE)
    with connect(name="retention", deadline=_PATIENCE) as connection:
        cursor = connection.cursor()
        edge = store.last_edge(cursor, day)
        if edge is None:
            return []
        rollups.keep_refreshes_out(cursor)
        store.keep_writers_out(cursor)
        if not rollups.seal(cursor, edge):
            raise NotSettled
        dropped = store.drop_before(cursor, edge)
        bump_all(cursor)
    for one in dropped:
        logger.warning("the raw events of %s were dropped", one)
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
