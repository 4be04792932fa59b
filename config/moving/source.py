"""The source's server: started for the time of the copy where it is the embedded one and does not run."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
from django.conf import settings

from config import bootstrap
from config.embedded import EmbeddedServer
from config.embedded_binaries import Binaries
from config.lib import lifeline, sqlfile
from config.lib.reachable import wait_until_reachable
from config.moving.compare import Link
from config.moving.errors import MoveError
from config.moving.target import clients
from events.bus.base import SLOT_SPACE

SQL = sqlfile.load(__file__, "source.sql")
#: Seconds that the server may take to stop.
_GRACE = 60.0
#: Only what keeps it from starting is worth a line beside a progress bar.
_QUIET = {"log_min_messages": "fatal"}


@contextmanager
def at_hand() -> Iterator[bool]:
    """See to it that the source takes connections; gives whether Sluice is known to run on it."""
    if not bootstrap.is_embedded():
        wait_until_reachable(settings.DATABASE_URL)
        yield False
        return
    if not (settings.DATA_DIR / "postgres" / "PG_VERSION").exists():
        raise MoveError(f"there is nothing in {settings.DATA_DIR} to copy; set DATA_DIR or DATABASE_URL")
    with _lock(settings.DATA_DIR) as ours:
        if not ours or _answers():
            wait_until_reachable(settings.DATABASE_URL)
            yield not ours
        else:
            with _server(settings.DATA_DIR):
                yield False


def in_use(source: Link) -> list[str]:
    """Return what works on the source now."""
    row = source.execute(SQL["slots"], {"space": SLOT_SPACE}).fetchone()
    processors = [f"{row[0]} processors"] if row and row[0] else []
    return clients(source) + processors


def appended(source: Link) -> int:
    """Return how many events the source ever accepted."""
    row = source.execute(SQL["appended"]).fetchone()
    assert row
    return int(row[0])


@contextmanager
def _lock(data_dir: Path) -> Iterator[bool]:
    """Keep Sluice from being started meanwhile; gives whether it was not running."""
    handle = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _is_taken(handle)
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers() -> bool:
    """Tell whether somebody started the database alone."""
    try:
        psycopg.connect(settings.DATABASE_URL, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _server(data_dir: Path) -> Iterator[None]:
    binaries = Binaries(settings.POSTGRES_BIN)
    server = EmbeddedServer(data_dir, _QUIET, binaries=binaries, licence=settings.TIMESCALEDB_LICENSE)
    server.prepare()
    # A session of its own: a Ctrl-C is for this program, which stops the server when it is done with it.
    process = subprocess.Popen(
        server.command(), stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
        preexec_fn=partial(lifeline.tie, signal.SIGINT),
    )  # fmt: skip
    try:
        wait_until_reachable(settings.DATABASE_URL)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_GRACE)
