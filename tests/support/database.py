"""The PostgreSQL of a test session."""

from __future__ import annotations

import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection

from config.embedded import EmbeddedServer, database_url
from config.embedded_binaries import Binaries
from config.lib import lifeline
from config.lib.reachable import wait_until_reachable

#: A crash of the machine may cost these data: syncing is off, everything else as in production.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
#: Every test process has databases of its own, and TimescaleDB a scheduler for each.
_MANY_DATABASES = {"timescaledb.max_background_workers": "24", "max_worker_processes": "32"}


def leave_policies_to_tests() -> None:
    """Stop TimescaleDB's jobs in this database: what a test sees must not depend on their clock.

    A role that may not do that runs with them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regproc('_timescaledb_functions.stop_background_workers') IS NOT NULL AND rolsuper "
            "FROM pg_roles WHERE rolname = current_user"
        )
        if cursor.fetchone() == (True,):
            cursor.execute("SELECT _timescaledb_functions.stop_background_workers()")


class TestServer:
    """Starts and stops the embedded server of `data_dir`; programs and licence are the settings' unless given."""

    __test__ = False

    def __init__(
        self,
        data_dir: Path,
        overrides: dict[str, str] | None = None,
        *,
        binaries: Binaries | None = None,
        licence: str | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._binaries = binaries or Binaries(settings.POSTGRES_BIN)
        self._licence = licence or settings.TIMESCALEDB_LICENSE
        workers = _MANY_DATABASES if self._licence == "timescale" else {}
        self._overrides = workers | (FAST if overrides is None else overrides)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when the server takes connections; it ends with this process at the latest."""
        server = EmbeddedServer(
            self._data_dir, self._overrides, binaries=self._binaries, licence=self._licence
        )
        server.prepare()
        log = (self._data_dir / "postgres.log").open("ab")
        self._process = subprocess.Popen(
            server.command(), stdout=log, stderr=log, preexec_fn=partial(lifeline.tie, signal.SIGINT)
        )
        wait_until_reachable(database_url(self._data_dir, "postgres"))

    @property
    def ended(self) -> bool:
        """Tell whether the server that was started has ended."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Kill -9 the postmaster."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self, *, remove: bool = False) -> None:
        """Stop the server if it runs, and wait for its end; with `remove` its folder goes too."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if remove:
            shutil.rmtree(self._data_dir, ignore_errors=True)
