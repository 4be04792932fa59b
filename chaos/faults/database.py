"""PostgreSQL stops, crashes, or is away."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from chaos.faults.base import Scene, fault

_RECOVERS = "PostgreSQL starts, and recovers, first"


@fault("kill-backend", "kill -9 of one server process: PostgreSQL ends all sessions and recovers", weight=3,
       back_within=10.0, fresh_within=10.0, because=_RECOVERS)  # fmt: skip
@contextmanager
def kill_backend(scene: Scene) -> Iterator[None]:
    """Kill the server's side of one of Sluice's connections."""
    os.kill(scene.rng.choice(scene.instance.server.backends()), signal.SIGKILL)
    yield


@fault("end-sessions", "pg_terminate_backend() of every connection of Sluice", weight=3)
@contextmanager
def end_sessions(scene: Scene) -> Iterator[None]:
    """End every session, as an administrator would."""
    ended = scene.instance.server.end_sessions("sluice%")
    scene.proved(ended, f"{ended} connections")
    yield


@fault("postgres-immediate", "immediate stop (SIGQUIT) and start of PostgreSQL under load", weight=4,
       hold=(0.0, 1.0), back_within=10.0, fresh_within=10.0, because=_RECOVERS)  # fmt: skip
@contextmanager
def stop_immediately(scene: Scene) -> Iterator[None]:
    """Stop without a checkpoint: the next start recovers from the log."""
    scene.instance.server.stop(signal.SIGQUIT)
    yield
    scene.instance.server.start()


@fault("postgres-kill", "kill -9 of PostgreSQL, every process of it, and its start", weight=3, hold=(0.0, 1.0),
       back_within=10.0, fresh_within=10.0, because=_RECOVERS)  # fmt: skip
@contextmanager
def kill_postgres(scene: Scene) -> Iterator[None]:
    """Lose shared memory."""
    scene.instance.server.kill()
    yield
    scene.instance.server.start()


@fault(
    "postgres-restart",
    "clean restart of PostgreSQL under load",
    weight=2,
    back_within=10.0,
    fresh_within=10.0,
    because=_RECOVERS,
)
@contextmanager
def restart_postgres(scene: Scene) -> Iterator[None]:
    """Restart as an upgrade would."""
    scene.instance.server.stop(signal.SIGINT)
    yield
    scene.instance.server.start()


@fault("postgres-away", "PostgreSQL is away for a minute, and the gateway goes on", weight=2, hold=(60.0, 60.0),
       hold_short=(8.0, 8.0), back_within=10.0, fresh_within=10.0, because=_RECOVERS)  # fmt: skip
@contextmanager
def away(scene: Scene) -> Iterator[None]:
    """Stop it, and start it after the hold."""
    scene.instance.server.stop(scene.rng.choice([signal.SIGINT, signal.SIGQUIT]))
    yield
    scene.instance.server.start()


@fault("away-and-killed", "PostgreSQL is away, and meanwhile everything of Sluice is killed and started again",
       weight=2, hold=(3.0, 6.0), hold_short=(2.0, 3.0), back_within=30.0, fresh_within=30.0,
       because="PostgreSQL recovers, and the whole program starts")  # fmt: skip
@contextmanager
def away_and_killed(scene: Scene) -> Iterator[None]:
    """Leave batches to the spools of processes that are no more."""
    scene.instance.server.stop(signal.SIGQUIT)
    yield
    scene.instance.kill_up()
    scene.instance.server.start()
    scene.instance.start()
