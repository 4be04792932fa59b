"""A Redis of a test's own, in memory, on the loopback interface."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from functools import partial

from config.lib import lifeline
from tests.support.instance import free_port
from tests.support.waiting import wait_until


def missing() -> str:
    """Say why no Redis can be started here; empty where one can."""
    return "" if shutil.which("redis-server") else "redis-server is not installed"


class RedisServer:
    """Starts and stops one server."""

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Return when it takes connections."""
        command = [
            "redis-server",
            "--port",
            str(self._port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=partial(lifeline.tie, signal.SIGTERM),
        )  # fmt: skip
        wait_until(self._listens, what="Redis")

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
