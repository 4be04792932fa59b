"""Request bodies that come slowly: each has BODY_TIMEOUT_SECONDS, and then its connection ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from config.lib import sockets
from config.lib.errors import SluiceError

logger = logging.getLogger("sluice.bodies")
Environ = dict[str, Any]
#: Where more than half of the threads wait for bodies, each may take this part of the time.
_CROWDED_PART = 0.1
_TICK_SECONDS = 1.0


class BodyTimeout(SluiceError, OSError):
    """The body took too long to arrive."""

    code = "body_timeout"
    http_status = 408


class BodyTooShort(SluiceError, OSError):
    """The body is shorter than its Content-Length."""

    code = "bad_request"
    http_status = 400


class BodyTooLarge(SluiceError, OSError):
    """The body is larger than MAX_REQUEST_BYTES."""

    code = "too_large"
    http_status = 413


class TooManyBodies(SluiceError, OSError):
    """Too many large requests are arriving at once. Try again."""

    code = "too_many_bodies"
    http_status = 503
    transient = True


class Input(Protocol):
    """What stands under `wsgi.input`."""

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer at the end; wait for them."""


class Unread:
    """The `wsgi.input` of a body that was not taken: whoever reads it hears why."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int = -1) -> bytes:
        """Raise the error."""
        raise self._error

    readline = read


class Bodies:
    """Reads bodies of at most `limit` bytes, of which `budget` bytes may be on their way at once.

    A watchdog looks once a second for those that take longer than `seconds`. `threads` is how many may wait in all.
    """

    def __init__(self, *, seconds: float, limit: int, threads: int, budget: int) -> None:
        self._seconds, self._limit, self._threads, self._budget = seconds, limit, threads, budget
        self._arriving: dict[int, _Arrival] = {}
        self._suspects: set[int] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def read(self, environ: Environ) -> Input:
        """Return the body of a request as what stands under `wsgi.input`; wait for it."""
        length = environ.get("CONTENT_LENGTH", "")
        if (not length and "HTTP_TRANSFER_ENCODING" not in environ) or length == "0":
            return BytesIO()
        announced = int(length) if length.isascii() and length.isdigit() else None
        try:
            return BytesIO(self._read(environ, announced))
        except SluiceError as error:
            return Unread(error)

    def _read(self, environ: Environ, announced: int | None) -> bytes:
        if announced is not None and announced > self._limit:
            raise BodyTooLarge(f"A request may have at most {self._limit} bytes.")
        # One byte more tells a body without a length that is too large from one that just fits.
        size = self._limit + 1 if announced is None else announced
        arrival = self._begin(environ, size)
        try:
            data: bytes = environ["wsgi.input"].read(size)
        finally:
            del self._arriving[id(arrival)]
        if arrival.overdue and len(data) < size:
            raise BodyTimeout()
        if announced is not None and len(data) < announced:
            raise BodyTooShort()
        return data

    def _begin(self, environ: Environ, size: int) -> _Arrival:
        arrival = _Arrival(environ.get("REMOTE_ADDR", ""), size)
        if size > self._budget // self._threads and self._on_their_way() + size > self._budget:
            raise TooManyBodies(retry_after=1)
        self._arriving[id(arrival)] = arrival
        if self._thread is None:
            self._start()
        return arrival

    def _on_their_way(self) -> int:
        return sum(arrival.size for arrival in list(self._arriving.values()))

    def look(self) -> None:
        """End the connections of what is overdue, at the second look: see `sockets.cut_unanswered`."""
        arriving, now = list(self._arriving.values()), time.monotonic()
        allowed = self._seconds * (_CROWDED_PART if len(arriving) * 2 > self._threads else 1)
        peers: dict[str, float] = {}
        for arrival in arriving:
            if arrival.overdue or now - arrival.started >= allowed:
                arrival.overdue = True
                peers[arrival.peer] = allowed
        self._suspects = sockets.cut_unanswered(peers, self._suspects) if peers else set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._go_on_looking, name="bodies", daemon=True)
                self._thread.start()

    def _go_on_looking(self) -> None:
        tick = min(_TICK_SECONDS, self._seconds * _CROWDED_PART)
        while True:
            time.sleep(tick)
            try:
                self.look()
            except Exception:  # it has to look again, whatever this was
                logger.exception("looking for slow bodies failed")


class _Arrival:
    """A body on its way."""

    __slots__ = ("overdue", "peer", "size", "started")

    def __init__(self, peer: str, size: int) -> None:
        self.peer, self.size = peer, size
        self.started, self.overdue = time.monotonic(), False


def hand_over_whole(application: Callable[..., Any]) -> Callable[..., Any]:
    """Return the WSGI `application` giving what is complete in one piece: the server sends it without this thread.

    So whoever reads an answer slowly holds neither a thread nor a database connection.
    """

    def whole(environ: Environ, start_response: Callable[..., Any]) -> Any:
        response = application(environ, start_response)
        if getattr(response, "streaming", True):
            return response
        content = response.content
        response.close()
        return [content]

    return whole
