"""A slow database: statements that take their time, a server that others keep busy, and one that stands still."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psutil
import psycopg

from chaos.faults.base import Scene, fault
from chaos.server import Server

if TYPE_CHECKING:
    from chaos.instance import Instance

_SLEEPER = """
CREATE OR REPLACE FUNCTION chaos_sleep() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(TG_ARGV[0]::float8); RETURN NULL; END $$
"""
_BUSY = "SELECT count(DISTINCT md5(n::text)) FROM generate_series(1, 2000000) AS n"


@contextmanager
def slow_inserts(instance: Instance, table: str, seconds: float) -> Iterator[None]:
    """Let every INSERT into `table` take `seconds` longer while inside."""
    instance.sql(_SLEEPER)
    instance.sql(
        f"CREATE TRIGGER chaos_slow AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION chaos_sleep({seconds})"
    )
    try:
        yield
    finally:
        instance.sql(f"DROP TRIGGER chaos_slow ON {table}")


@fault(
    "slow-appends", "every append to the bus takes 0.3 to 2 s longer", hold=(5.0, 20.0), hold_short=(4.0, 6.0)
)
@contextmanager
def slow_appends(scene: Scene) -> Iterator[None]:
    """Slow the gateway's statement, to below or beyond its deadline."""
    seconds = round(scene.rng.uniform(0.3, 2.0), 1)
    scene.note(f"{seconds:g} s")
    with slow_inserts(scene.instance, "inbox", seconds):
        yield


@fault("slow-claims", "every claim takes 1 to 4 s longer", hold=(5.0, 20.0), hold_short=(4.0, 6.0))
@contextmanager
def slow_claims(scene: Scene) -> Iterator[None]:
    """Slow the processor's transaction."""
    seconds = round(scene.rng.uniform(1.0, 4.0), 1)
    scene.note(f"{seconds:g} s")
    with slow_inserts(scene.instance, "event_key", seconds):
        yield


class Rival(threading.Thread):
    """Asks the server for heavy work, again and again."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._link = server.connect()
        self._done = threading.Event()

    def run(self) -> None:
        """Ask until told to stop."""
        with contextlib.suppress(psycopg.Error):
            while not self._done.is_set():
                self._link.execute(_BUSY)

    def stop(self) -> None:
        """End the work in hand too."""
        self._done.set()
        self._link.cancel()
        self.join()
        self._link.close()


@fault(
    "busy-server", "four others keep the server's processors and memory busy", hold=(5.0, 20.0), short=False
)
@contextmanager
def busy_server(scene: Scene) -> Iterator[None]:
    """Load the server with sorts that have nothing to do with Sluice."""
    with ExitStack() as stack:
        for _ in range(4):
            rival = Rival(scene.instance.server)
            stack.callback(rival.stop)
            rival.start()
        yield


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes (SIGSTOP) while inside."""
    try:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@fault("frozen-database", "every server process stands still (SIGSTOP), with all its locks", hold=(3.0, 20.0),
       hold_short=(3.0, 5.0))  # fmt: skip
@contextmanager
def freeze_database(scene: Scene) -> Iterator[None]:
    """Freeze the server: it takes connections, by the kernel, and says nothing."""
    with stopped(scene.instance.server.processes()):
        yield
