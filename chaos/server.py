"""The campaign's own PostgreSQL: started, stopped and killed as no product would do it."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config.embedded import ROLE, EmbeddedServer, database_url
from config.embedded_binaries import Binaries
from config.lib import lifeline

_PATIENCE = 60.0


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Server:
    """A PostgreSQL in `folder`, on a unix socket (for the campaign) and on loopback TCP (for Sluice, by a proxy)."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.password = secrets.token_hex(12)
        self._settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "max_connections": "100"}
        self._settings |= settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the socket: never through the proxy."""
        return f"{database_url(self.folder)}&port={self.port}"

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "postgres"

    @property
    def log_file(self) -> Path:
        """Where the server's words go."""
        return self.folder / "postgres.log"

    def log(self) -> str:
        """Return what the server has said over all its lives."""
        return self.log_file.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The postmaster's pid; 0 while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def make(self) -> None:
        """Start it the first time: with a password for TCP and an empty database."""
        self.start()
        with psycopg.connect(self._admin_url(), autocommit=True) as link:
            link.execute(f"ALTER ROLE {ROLE} PASSWORD '{self.password}'")
            link.execute(f"CREATE DATABASE {ROLE}")

    def start(self) -> None:
        """Start it and return when it takes connections."""
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        server = EmbeddedServer(
            self.folder, self._settings, binaries=Binaries(os.environ.get("POSTGRES_BIN", ""))
        )
        server.prepare()
        self._admit_tcp()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                server.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=partial(lifeline.tie, signal.SIGINT),
            )  # fmt: skip
        self._wait_until_up()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT is the clean stop, SIGQUIT the immediate one (as a crash: recovery at the next start)."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill -9 the postmaster and every server process at once: what only shared memory held is gone."""
        if self._process is None:
            return
        everybody = self.processes()
        for process in everybody:
            _quietly(process.suspend)
        for process in everybody:
            _quietly(process.kill)
        psutil.wait_procs(everybody, timeout=_PATIENCE)
        self._process.wait()
        self._process = None

    def processes(self) -> list[psutil.Process]:
        """Return the postmaster and its children."""
        if not self.pid:
            return []
        postmaster = psutil.Process(self.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """Open a connection of the campaign's own, beside the proxy; it commits by itself."""
        return psycopg.connect(self.url, autocommit=True, application_name="chaos", **more)

    def backends(self, like: str = "sluice%") -> list[int]:
        """Return the pids of the server processes that serve connections named `like`."""
        with self.connect() as link:
            rows = link.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND pid <> pg_backend_pid()",
                [like],
            )
            return [pid for (pid,) in rows]

    def end_sessions(self, like: str) -> int:
        """End the connections named `like`, as an administrator would; return how many."""
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE %s"
        with self.connect() as link:
            row = link.execute(query, [like]).fetchone()
        return int(row[0]) if row else 0

    def _admin_url(self) -> str:
        return f"{database_url(self.folder, 'postgres')}&port={self.port}"

    def _admit_tcp(self) -> None:
        """Let the role in over loopback, by its password; initdb refused TCP altogether."""
        file = self.data / "pg_hba.conf"
        rule = f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n"
        text = file.read_text()
        if not text.startswith(rule):
            file.write_text(rule + text)

    def _wait_until_up(self) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self._admin_url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if not self.pid or time.monotonic() > until:
                    raise RuntimeError(
                        f"PostgreSQL did not start: {self.log_file.read_text()[-2000:]}"
                    ) from error
                time.sleep(0.02)


def _quietly(action: Any) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()
