"""Behind one address, as behind a proxy: slow bodies end, and nobody else's request does."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.lib import sockets
from tests.support.instance import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not sockets.SUPPORTED, reason="connections are found on Linux only")
#: The server cuts after a second; these ask for more.
_LONG = 2.5


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A granian with an application that is slow where it is asked to."""
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "tests.support.slow_app:application", "--host",
        "127.0.0.1", "--port", str(port), "--no-ws", "--http", "1", "--blocking-threads", "12", "--log-level", "error",
        "--workers-kill-timeout", "2",
    ]  # fmt: skip
    with subprocess.Popen(command) as server:
        try:
            wait_until(lambda: answers(port), what="the server")
            yield port
        finally:
            server.terminate()


def answers(port: int) -> bool:
    try:
        return ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) == 200
    except OSError:
        return False


def ask(link: http.client.HTTPConnection, seconds: float = 0, body: bytes | None = None) -> int:
    """Ask for an answer that takes so long; return its status."""
    link.request("POST" if body else "GET", f"/?{seconds}", body)
    answer = link.getresponse()
    answer.read()
    return answer.status


class SlowBody:
    """A request whose body stops after a byte; ends when the server has closed the connection."""

    def __init__(self, port: int, version: str) -> None:
        self._link = socket.create_connection(("127.0.0.1", port), timeout=20)
        head = f"POST / HTTP/{version}\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 1000\r\n\r\n"
        self._link.sendall(head.encode() + b"x")
        self.answer = b""
        self.thread = threading.Thread(target=self._receive)
        self.thread.start()

    def _receive(self) -> None:
        """Read until the server closes."""
        with self._link:
            while data := self._link.recv(65_536):
                self.answer += data


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_only_the_slow_body_ends(port: int, version: str) -> None:
    fresh, reused = (http.client.HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(2))
    assert ask(reused) == 200
    statuses: dict[str, Any] = {}

    def run(name: str, *request: Any) -> threading.Thread:
        thread = threading.Thread(target=lambda: statuses.update({name: ask(*request)}))
        thread.start()
        return thread

    began = time.monotonic()
    slow = SlowBody(port, version)
    asked = [run("a slow GET", fresh, _LONG)]
    # The kept connection has idled for longer than a body may take when its request comes.
    wait_until(lambda: time.monotonic() - began > 0.9, what="the idle time")
    asked.append(run("a kept connection", reused, _LONG, b"all of it"))
    for thread in (slow.thread, *asked):
        thread.join(20)
    assert statuses == {"a slow GET": 200, "a kept connection": 200}
    assert slow.answer.startswith(f"HTTP/{version} 408".encode()) and b'"body_timeout"' in slow.answer


def test_without_a_slow_body_long_work_is_left_alone(port: int) -> None:
    assert ask(http.client.HTTPConnection("127.0.0.1", port, timeout=20), _LONG, b"all of it") == 200
