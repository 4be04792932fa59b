"""Locks: a rollup that nobody else may touch, and a deadlock of which the processor is the victim."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from chaos.faults.base import Scene, fault
from chaos.waiting import wait_until

if TYPE_CHECKING:
    from chaos.instance import Instance

#: What every claim writes to, on each engine: users are in tables of their own everywhere.
_ROLLUP = "rollup_users_1h"
_LEDGER = "event_key"
_DEADLOCK_WITHIN, _TRIES = 20.0, 5


@fault(
    "lock-on-rollup",
    f"{_ROLLUP} is locked (ACCESS EXCLUSIVE) while the load goes on",
    hold=(3.0, 25.0),
    hold_short=(3.0, 5.0),
)
@contextmanager
def lock_rollup(scene: Scene) -> Iterator[None]:
    """Hold the lock; longer than 15 s is longer than a processor waits for one."""
    with scene.instance.server.connect() as link, link.transaction():
        _lock(link, _ROLLUP)
        yield


@fault("lock-on-ledger", f"{_LEDGER} is locked (ACCESS EXCLUSIVE)", hold=(3.0, 20.0), hold_short=(2.0, 4.0))
@contextmanager
def lock_ledger(scene: Scene) -> Iterator[None]:
    """Hold the lock that every dedup needs."""
    with scene.instance.server.connect() as link, link.transaction():
        _lock(link, _LEDGER)
        yield


@fault("deadlock", "a deadlock, which PostgreSQL solves at the processor's cost")
@contextmanager
def deadlock(scene: Scene) -> Iterator[None]:
    """Have a processor be the victim; again, where it held nothing of what it was asked for."""
    before = _deadlocks(scene.instance)
    for _ in range(_TRIES):
        _cross_locks(scene)
        if ended := _deadlocks(scene.instance) - before:
            break
    scene.proved(ended, f"{ended} transactions were ended")
    yield


def _cross_locks(scene: Scene) -> None:
    """Lock what a processor takes last, wait until it stands there, then ask for what it holds already."""
    with scene.instance.server.connect() as link, link.transaction():
        # Ours is not to be the victim: only who looks for deadlocks is ended.
        link.execute("SET LOCAL deadlock_timeout = '10min'")
        _lock(link, _ROLLUP)
        _await_processor(scene.instance, link.info.backend_pid)
        _lock(link, _LEDGER)


def _lock(link: psycopg.Connection[Any], relation: str) -> None:
    link.execute(f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE")


def _await_processor(instance: Instance, ours: int) -> None:
    """Return when a processor waits for the lock of backend `ours`; TooLong when none comes."""
    query = (
        "SELECT 1 FROM pg_stat_activity "
        "WHERE %s = ANY(pg_blocking_pids(pid)) AND application_name = 'sluice processor'"
    )
    wait_until(
        lambda: instance.sql(query, [ours]), seconds=_DEADLOCK_WITHIN, what="a processor at the locked rollup"
    )


def _deadlocks(instance: Instance) -> int:
    """Return how often PostgreSQL has ended a transaction for a deadlock: its log tells before its statistics do."""
    return instance.server.log().count("deadlock detected")
