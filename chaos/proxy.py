"""A TCP proxy that breaks connections on purpose, in threads of this process. It needs neither root nor netem.

with FaultProxy("/run/postgres/.s.PGSQL.5432") as proxy:   # or "127.0.0.1:5432"
    connect(host=proxy.host, port=proxy.port)
    proxy.set("blackhole")

pass        forwards everything
delay S     holds each piece for S seconds, in both directions
rate N      forwards N bytes a second, in both directions
refuse      resets what is open; new connections get ECONNREFUSED
reset       resets what is open, and each new connection as soon as it is accepted
blackhole   accepts, and forwards nothing: nobody hangs up, nobody answers. What was sent arrives when it ends
swallow     forwards requests and drops their answers: a COMMIT arrives, "COMMIT" does not come back. Connections
            whose answers were dropped are reset when the mode ends: they could not be understood any more
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

MODES = ("pass", "delay", "rate", "refuse", "reset", "blackhole", "swallow")
_PIECE = 65_536
#: How soon a sender that is stuck notices a reset.
_LOOK_SECONDS = 0.05
_RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """Listens on a free port of the loopback interface and forwards to `target`, a "host:port" or a socket's path."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.host = "127.0.0.1"
        self._mode, self._value = "pass", 0.0
        self._changed = threading.Condition()
        self._closed = False
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []
        # Bound and never listening, it keeps the port ours while connections are refused.
        self._held = _bound(self.host, 0)
        self.port = int(self._held.getsockname()[1])
        self._listener: socket.socket | None = None
        self._listen()

    @property
    def mode(self) -> str:
        """What happens to connections now."""
        return self._mode

    def set(self, mode: str, value: float = 0.0) -> None:
        """Change the mode, at once, for connections that are open as well."""
        if mode not in MODES:
            raise ValueError(f"{mode!r} is none of {', '.join(MODES)}")
        with self._changed:
            was, self._mode, self._value = self._mode, mode, value
            links = list(self._links)
            self._changed.notify_all()
        for link in links:
            if mode in ("refuse", "reset") or (was == "swallow" != mode and link.lossy):
                link.reset()
        if mode == "refuse":
            self._stop_listening()
        elif self._listener is None:
            self._listen()

    @contextmanager
    def fault(self, mode: str, value: float = 0.0) -> Iterator[None]:
        """Set a mode for a block, and pass everything after it."""
        self.set(mode, value)
        try:
            yield
        finally:
            self.set("pass")

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and thread, and give the port back."""
        with self._changed:
            self._closed = True
            links = list(self._links)
            self._changed.notify_all()
        self._stop_listening()
        for link in links:
            link.reset()
        for thread in list(self._threads):
            thread.join(10)
        self._held.close()

    # --- threads ------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._listener = _bound(self.host, self.port)
        self._listener.listen(256)
        self._start(self._accept, self._listener)

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone would leave the thread in accept(), and the port open with it.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        if self._mode in ("refuse", "reset"):
            _reset(client)
            return
        self._wait_out_blackhole()
        try:
            server = _connect(self.target)
        except OSError:
            _reset(client)
            return
        link = _Link(client, server)
        with self._changed:
            self._links.add(link)
            late = self._closed or self._mode in ("refuse", "reset")
        if late:
            link.reset()
        back = threading.Thread(target=self._pump, args=(link, server, client, True), daemon=True)
        back.start()
        self._pump(link, client, server, False)
        back.join()
        link.close()
        with self._changed:
            self._links.discard(link)

    def _pump(self, link: _Link, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        """Forward from `source` to `sink` until one of them ends, as the mode has it."""
        try:
            while piece := source.recv(_PIECE):
                self._hold(len(piece))
                if answers and self._mode == "swallow":
                    link.lossy = True
                else:
                    link.send(sink, piece)
        except OSError:
            pass
        self._wait_out_blackhole()
        link.hang_up()

    def _hold(self, size: int) -> None:
        self._wait_out_blackhole()
        if self._mode == "delay":
            self._pause(self._value)
        elif self._mode == "rate":
            self._pause(size / self._value)

    def _wait_out_blackhole(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._mode != "blackhole")

    def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the mode lasts."""
        mode, until = self._mode, time.monotonic() + seconds
        with self._changed:
            while not self._closed and self._mode == mode and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)


class _Link:
    """The two ends of one forwarded connection."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self._reset = False
        #: Answers were dropped.
        self.lossy = False

    def send(self, sink: socket.socket, piece: bytes) -> None:
        """Send all of `piece`, unless the link is reset meanwhile. Raises OSError where the other end is gone."""
        rest = memoryview(piece)
        while rest and not self._reset:
            try:
                rest = rest[sink.send(rest, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                select.select([], [sink], [], _LOOK_SECONDS)

    def hang_up(self) -> None:
        """Tell both ends that nothing more comes; after a reset they know."""
        for end in () if self._reset else self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reset(self) -> None:
        """Have both ends hear a reset: the pumps wake up, and closing does it then.

        Reading alone is shut down: doing so for writing would send FIN in front of the reset.
        """
        self._reset = True
        for end in self._ends:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RD)
            except OSError:
                pass

    def close(self) -> None:
        """Close both ends."""
        for end in self._ends:
            end.close()


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    return made


def _connect(target: str) -> socket.socket:
    if target.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.connect(target)
        return made
    host, _, port = target.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)))


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()
