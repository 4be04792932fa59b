"""How many events a second each project may send: token buckets in the database, leased in small portions.

A project's bucket is one row that all gateways share. A process leases a tenth of a second's worth, or what a request
needs if that is more, in one atomic statement, and spends it from memory. While the database is away, each process
goes on with a bucket of its own at the same rate.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
from django.conf import settings

from config.lib import sqlfile
from config.lib.errors import SluiceError
from events.gateway import telemetry
from events.gateway.bucket import Bucket
from events.gateway.lookups import lookups

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "quota.sql")
_LEASE_SECONDS = 0.1
_BURST_SECONDS = 10
#: How much of the time for an answer a lease may take, waiting for another's included: the bus and the spool need
#: the rest.
_SHARE = 0.1

Ask = Callable[[float], AbstractContextManager[psycopg.Cursor[Any]]]


class QuotaExceeded(SluiceError):
    """The project sends more events than its quota allows. Send these again later."""

    code = "quota_exceeded"
    http_status = 429
    transient = True


@dataclass(frozen=True, slots=True)
class Quota:
    """A project's quota: events a second in the long run, and how many may come at once."""

    project_id: int
    rate: int
    burst: int


def quota_of(project_id: int, rate: int, burst: int) -> Quota | None:
    """Return the quota of a project with these values, 0 being the installation's; None where there is none.

    The burst is one full request at least: a larger one could never be taken, however long the client waits.
    """
    rate = rate or settings.PROJECT_EVENTS_PER_SECOND
    if not rate:
        return None
    return Quota(project_id, rate, max(burst or rate * _BURST_SECONDS, settings.MAX_EVENTS_PER_REQUEST))


@dataclass(slots=True)
class _Purse:
    """What this process holds of a quota: tokens leased and not yet spent, and its own bucket for outages."""

    quota: Quota
    own: Bucket
    tokens: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Of `own`; never held while anybody waits for the database.
    own_lock: threading.Lock = field(default_factory=threading.Lock)


class Quotas:
    """Holds projects to their quotas. `ask` gives a cursor for so many seconds."""

    def __init__(self, ask: Ask, *, within: float) -> None:
        self._ask = ask
        self._within = within
        self._purses: dict[int, _Purse] = {}

    def spend(self, quota: Quota, events: int) -> None:
        """Return when the events may pass. Raises QuotaExceeded with the seconds until they might."""
        purse, until = self._purse(quota), time.monotonic() + self._within
        if purse.lock.acquire(timeout=self._within):
            try:
                wait = self._spend(purse, events, until)
            finally:
                purse.lock.release()
        else:
            wait = _take_own(purse, events)
        if wait:
            telemetry.over_quota.inc(events)
            raise QuotaExceeded(retry_after=wait)

    def _spend(self, purse: _Purse, events: int, until: float) -> float:
        """Spend tokens, leased ones if need be, and return 0; or return the seconds until that might be possible."""
        wait = 0.0 if purse.tokens >= events else self._lease(purse, events, until)
        if not wait:
            purse.tokens -= events
        return wait

    def _purse(self, quota: Quota) -> _Purse:
        purse = self._purses.get(quota.project_id)
        if purse is None or purse.quota != quota:
            # Two threads may make one each: what the other leased is lost to the project, which is little.
            purse = self._purses[quota.project_id] = _Purse(quota, Bucket(quota.rate, quota.burst))
        return purse

    def _lease(self, purse: _Purse, events: int, until: float) -> float:
        """Fill the purse for `events`; return 0, or the seconds until that might be possible."""
        quota, needed = purse.quota, events - purse.tokens
        params = {
            "project_id": quota.project_id,
            "rate": float(quota.rate),
            "burst": float(quota.burst),
            "needed": needed,
            "wanted": max(needed, quota.rate * _LEASE_SECONDS),
        }
        try:
            with self._ask(max(0.0, until - time.monotonic())) as cursor:
                leased, left = cursor.execute(SQL["lease"], params).fetchone() or (0.0, 0.0)
        except psycopg.Error as error:
            if not isinstance(error, psycopg.OperationalError):
                logger.warning("no quota was leased: %s", error)
            return self._lease_own(purse, needed)
        purse.tokens += leased
        return 0.0 if leased else max(0.0, needed - left) / quota.rate

    def _lease_own(self, purse: _Purse, needed: float) -> float:
        wait = _take_own(purse, needed)
        if not wait:
            purse.tokens += needed
        return wait


def _take_own(purse: _Purse, needed: float) -> float:
    with purse.own_lock:
        return purse.own.take(needed)


@cache
def quotas() -> Quotas:
    """Return this process's quotas."""
    return Quotas(lookups.cursor, within=settings.ACK_DEADLINE_MS / 1000 * _SHARE)
