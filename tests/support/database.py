"""The PostgreSQL of a test session."""

from __future__ import annotations

import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

from config.embedded import EmbeddedServer, database_url
from config.lib import lifeline
from config.lib.reachable import wait_until_reachable

#: A crash of the machine may cost these data: syncing is off, everything else as in production.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


class TestServer:
    """Starts and stops the embedded server of `data_dir`."""

    __test__ = False

    def __init__(self, data_dir: Path, overrides: dict[str, str] | None = None) -> None:
        self._data_dir = data_dir
        self._overrides = _FAST if overrides is None else overrides
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when the server takes connections; it ends with this process at the latest."""
        server = EmbeddedServer(self._data_dir, self._overrides)
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
