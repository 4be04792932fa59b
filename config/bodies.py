"""Request bodies, read in bounded time and memory: each has BODY_TIMEOUT_SECONDS, and then its connection ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from config.late_bodies import Arrival, Exchange, LateBodies
from config.lib.errors import SluiceError

logger = logging.getLogger("sluice.bodies")
Environ = dict[str, Any]
#: Where more than half of the threads wait for bodies, each may take this part of the time.
_CROWDED_PART = 0.1
_TICK_SECONDS = 1.0
#: Bodies up to here are never counted. granian takes 1024 connections, which bounds them.
_SMALL_BYTES = 32 << 10


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


class Held(BytesIO):
    """A complete body that counts until its request is answered."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.size = len(data)


class Bodies:
    """Reads bodies of at most `limit` bytes, of which `budget` bytes may be on their way at once.

    As many may be here, and wait or be worked on. A watchdog looks once a second for those that take longer than
    `seconds`. `threads` is how many may wait in all.
    """

    def __init__(self, *, seconds: float, limit: int, threads: int, budget: int) -> None:
        self._seconds, self._limit, self._threads, self._budget = seconds, limit, threads, budget
        self._arriving: dict[Arrival, None] = {}
        self._late = LateBodies()
        self._held = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def read(self, exchange: Exchange, environ: Environ) -> Input | None:
        """Return the body of a request as what stands under `wsgi.input`; wait for it.

        None: it came too late, and the request is answered. Whoever gets `Held` calls `do_and_release`.
        """
        length = environ.get("CONTENT_LENGTH", "")
        if (not length and "HTTP_TRANSFER_ENCODING" not in environ) or length == "0":
            return BytesIO()
        if environ.get("REQUEST_METHOD") == "HEAD":  # its late answer would have no length of its own
            return BytesIO()
        announced = int(length) if length.isascii() and length.isdigit() else None
        try:
            data = self._read(exchange, environ, announced)
            if data is None:
                return None
            return BytesIO(data) if len(data) <= _SMALL_BYTES else self._hold(data)
        except SluiceError as error:
            # Its traceback would keep the body.
            return Unread(error.with_traceback(None))

    def do_and_release(self, work: Callable[[], object], body: Held) -> None:
        """Do the `work` on this body; then it counts no more."""
        try:
            work()
        finally:
            with self._lock:
                self._held -= body.size

    def _hold(self, data: bytes) -> Held:
        with self._lock:
            if self._held + len(data) > self._budget:
                raise TooManyBodies(retry_after=1)
            self._held += len(data)
        return Held(data)

    def _read(self, exchange: Exchange, environ: Environ, announced: int | None) -> bytes | None:
        if announced is not None and announced > self._limit:
            raise BodyTooLarge(f"A request may have at most {self._limit} bytes.")
        # One byte more tells a body without a length that is too large from one that just fits.
        size = self._limit + 1 if announced is None else announced
        arrival = self._begin(exchange, environ, size)
        try:
            data: bytes = environ["wsgi.input"].read(size)
        finally:
            in_time = self._take(arrival)
            if not in_time:
                self._late.forget(arrival)
        if announced is not None and len(data) < announced and in_time:
            raise BodyTooShort()
        return data if in_time else None

    def _begin(self, exchange: Exchange, environ: Environ, size: int) -> Arrival:
        arrival = Arrival(exchange, environ.get("REMOTE_ADDR", ""), size)
        if size > self._budget // self._threads and self._on_their_way() + size > self._budget:
            raise TooManyBodies(retry_after=1)
        self._arriving[arrival] = None
        if self._thread is None:
            self._start()
        return arrival

    def _take(self, arrival: Arrival) -> bool:
        """Tell whether we are the first to take it: its reader, or the watchdog, who answers for him."""
        try:
            del self._arriving[arrival]
        except KeyError:
            return False
        return True

    def _on_their_way(self) -> int:
        return sum(arrival.size for arrival in list(self._arriving))

    def look(self) -> None:
        """End the connections of those that the last look has answered, and answer what is late now."""
        self._late.end()
        arriving, now = list(self._arriving), time.monotonic()
        is_crowded = (len(arriving) + len(self._late)) * 2 > self._threads
        allowed = self._seconds * (_CROWDED_PART if is_crowded else 1)
        if late := [arrival for arrival in arriving if now - arrival.started >= allowed]:
            self._late.answer(late, self._take)

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
