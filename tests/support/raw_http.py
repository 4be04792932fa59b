"""HTTP as no client library would send it: bytes over a socket, slowly or wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

_EVENT = b'{"type":"odd","userId":"u1"}'


@dataclass
class Connection:
    """A connection with what came back on it: `answer`, and after how many seconds it `ended`, None while open."""

    link: socket.socket
    answer: bytes = b""
    ended: float | None = None

    @property
    def status(self) -> int:
        """Return the status of the first answer; 0 where there is none."""
        return int(self.answer.split(b" ", 2)[1]) if self.answer.startswith(b"HTTP/") else 0


def connect(port: int, *, receive_buffer: int = 0) -> socket.socket:
    """Connect, with a receive buffer of so many bytes where it is to be small."""
    link = socket.socket()
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.settimeout(20)
    link.connect(("127.0.0.1", port))
    return link


def head(key: str, *lines: str) -> bytes:
    """Return the head of a POST of events, with these further header lines."""
    fixed = ["POST /api/events HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
    return "\r\n".join([*fixed, "Content-Type: application/json", *lines, "", ""]).encode()


def event(key: str) -> bytes:
    """Return a whole request with one event."""
    return head(key, f"Content-Length: {len(_EVENT)}") + _EVENT


def exchange(port: int, raw: bytes, *, half_close: bool = False) -> Connection:
    """Send `raw` and read until the server closes, or says nothing for a second after its answer."""
    began = time.monotonic()
    with connect(port) as link:
        found = Connection(link)
        try:
            link.sendall(raw)
            if half_close:
                link.shutdown(socket.SHUT_WR)
            while data := link.recv(65_536):
                found.answer += data
                link.settimeout(1)
            found.ended = time.monotonic() - began
        except TimeoutError:
            pass
        except OSError:
            found.ended = time.monotonic() - began
    return found


class Tricklers:
    """Many requests whose bodies come one byte at a time, from a thread, until they are cut or this is left."""

    def __init__(self, port: int, key: str, number: int, *, every: float = 0.1, silent: bool = False) -> None:
        self._head = head(key, "Content-Length: 1000") + b'{"type"'
        self._every, self._silent, self._stop = every, silent, threading.Event()
        self._began = time.monotonic()
        self.connections = [Connection(connect(port)) for _ in range(number)]
        self._thread = threading.Thread(target=self._trickle, daemon=True)

    def __enter__(self) -> Sequence[Connection]:
        """Begin all of them."""
        for one in self.connections:
            one.link.sendall(self._head)
            one.link.settimeout(0)
        self._thread.start()
        return self.connections

    def __exit__(self, *_: object) -> None:
        """End them."""
        self._stop.set()
        self._thread.join()
        for one in self.connections:
            one.link.close()

    def _trickle(self) -> None:
        while not self._stop.wait(self._every):
            for one in self.connections:
                if one.ended is None:
                    self._turn(one)

    def _turn(self, one: Connection) -> None:
        try:
            if not self._silent:
                one.link.send(b" ")
            data = one.link.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        one.answer += data
        if not data:
            one.ended = time.monotonic() - self._began
