"""A streaming standby of a test's server, made with pg_basebackup as an operator would make it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from config import embedded_account
from config.embedded import ROLE, database_url
from config.embedded_binaries import Binaries
from tests.support.database import FAST, TestServer
from tests.support.instance import new_data_dir
from tests.support.waiting import wait_until

#: What a server needs to feed a standby; the embedded one is tuned to have none.
FEEDS = FAST | {"wal_level": "replica", "max_wal_senders": "4"}


class Standby:
    """Follows the primary whose socket lies in `socket`; `pause` and `resume` stop and continue its replay."""

    def __init__(self, socket: str, binaries: Binaries) -> None:
        self._socket, self._binaries = socket, binaries
        self._data_dir = new_data_dir()
        self._server = TestServer(self._data_dir, FEEDS, binaries=binaries)

    def start(self) -> None:
        """Copy the primary the first time, and follow it from there; return when it takes connections."""
        folder = self._data_dir / "postgres"
        if not folder.exists():
            self._copy_to(str(folder))
        self._server.start()

    def stop(self, *, remove: bool = False) -> None:
        """Stop it."""
        self._server.stop(remove=remove)

    def url(self, database: str) -> str:
        """Return where a database of it is."""
        return database_url(self._data_dir, database)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it receive and not replay: what it answers with stands still."""
        self._ask("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self._ask("SELECT pg_get_wal_replay_pause_state()") == "paused", what="the pause")
        try:
            yield
        finally:
            self._ask("SELECT pg_wal_replay_resume()")

    def follow(self, primary: psycopg.Cursor[Any]) -> None:
        """Return when it has replayed all that the primary has committed."""
        row = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert row
        behind = f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'::pg_lsn"
        wait_until(lambda: self._ask(behind), what="the standby to catch up")

    def _ask(self, statement: str) -> Any:
        with psycopg.connect(self.url("postgres"), autocommit=True) as link:
            row = link.execute(statement.encode()).fetchone()
            return row and row[0]

    def _copy_to(self, folder: str) -> None:
        runner = embedded_account.runner(self._binaries.folder, self._data_dir / "postgres")
        os.mkdir(folder, mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, runner.uid, runner.gid)
        program = str(self._binaries.folder / "pg_basebackup")
        how = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        subprocess.run(
            [*runner.prefix, program, "-h", self._socket, "-U", ROLE, "-D", folder, *how],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
