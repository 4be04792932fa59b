"""Answers requests whose bodies come too late, and ends their connections: those, and no other of the same address.

granian tells neither the descriptor nor the port of the connection by which a request came. So each late request gets
an answer of a length of its own, and the kernel is asked on which connection just so many bytes were written since.
Where that is not exactly one, nothing is cut: a slow body that stays is better than a cut request of somebody else.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Collection
from itertools import cycle
from typing import Protocol

from config.lib import sockets
from config.lib.errors import SluiceError

#: How granian begins an answer to us. With this length a test fails if it has changed.
_HEAD = (
    "HTTP/1.1 {status} Request Timeout\r\n{headers}server: granian\r\ncontent-length: {length}\r\n"
    "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"
)
#: What it adds to our `connection: close` for a client of HTTP/1.0 that asked for the contrary.
_HTTP_10 = len(", keep-alive")
#: Answers are longer by one of these; a step is longer than `_HTTP_10`, so no two lengths are mistaken.
_PADDINGS = range(0, 8192, 16)


class BodyTimeout(SluiceError, OSError):
    """The body took too long to arrive."""

    code = "body_timeout"
    http_status = 408


class Exchange(Protocol):
    """What granian hands over with a request, to be answered from any thread; a second answer is ignored."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


class Arrival:
    """A body on its way: of which request, from where, announced with which size, since when."""

    __slots__ = ("exchange", "peer", "size", "started")

    def __init__(self, exchange: Exchange, peer: str, size: int) -> None:
        self.exchange, self.peer, self.size = exchange, peer, size
        self.started = time.monotonic()


class _Answered:
    """A late request's answer, and what was `before` written to each connection that may be its own."""

    __slots__ = ("before", "body", "headers", "sizes")

    def __init__(self, before: dict[int, int], padding: int) -> None:
        error, ident = BodyTimeout(), secrets.token_hex(8)
        told = {"code": error.code, "message": error.message, "detail": error.message, "requestId": ident}
        self.before, self.body = before, json.dumps(told).encode() + b" " * padding
        self.headers = [
            ("content-type", "application/json"),
            ("x-request-id", ident),
            ("access-control-allow-origin", "*"),
            ("connection", "close"),
        ]
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = _HEAD.format(status=error.http_status, headers=lines, length=len(self.body))
        size = len(head) + len(self.body)
        self.sizes = {size, size + _HTTP_10}

    def found(self, written: dict[int, int]) -> set[int]:
        """Return the connection to which just this answer was written; empty if it is not the only one."""
        found = {inode for inode, count in self.before.items() if written.get(inode, 0) - count in self.sizes}
        return found if len(found) == 1 else set()


class LateBodies:
    """Late requests that are answered while their bodies are still being waited for."""

    def __init__(self) -> None:
        self._late: dict[Arrival, _Answered] = {}
        self._paddings = cycle(random.sample(_PADDINGS, len(_PADDINGS)))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._late)

    def answer(self, arrivals: Collection[Arrival], take: Callable[[Arrival], bool]) -> None:
        """Answer each that `take` takes from whoever reads it: it may be complete at this moment."""
        written = sockets.written({arrival.peer for arrival in arrivals})
        for arrival in arrivals:
            # First this: from when it is taken, its reader comes to `forget` it.
            answer = self._late[arrival] = _Answered(written[arrival.peer], next(self._paddings))
            if take(arrival):
                arrival.exchange.response_bytes(BodyTimeout.http_status, answer.headers, answer.body)
            else:
                self.forget(arrival)

    def forget(self, arrival: Arrival) -> None:
        """Hear that nobody waits for this body any more."""
        self._late.pop(arrival, None)

    def end(self) -> None:
        """End the connections on which the answers were written; what reads the bodies comes to its end."""
        if late := list(self._late.items()):
            written = sockets.written({arrival.peer for arrival, _ in late})
            sockets.stop_reading(
                {inode for arrival, one in late for inode in one.found(written[arrival.peer])}
            )
