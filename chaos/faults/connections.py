"""Connection exhaustion: somebody else holds every slot of the server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from chaos.faults.base import Scene, fault
from chaos.server import Server

_AGAIN = 0.02


class Crowd(threading.Thread):
    """Takes every connection that the server gives, those kept for superusers too, and each that becomes free."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._done = threading.Event()
        self.full = threading.Event()
        self.held: list[psycopg.Connection[Any]] = []

    def run(self) -> None:
        """Connect until told to go."""
        while not self._done.is_set():
            try:
                self.held.append(self._server.connect(connect_timeout=2))
            except psycopg.OperationalError:
                self.full.set()
                self._done.wait(_AGAIN)

    def push_out(self) -> int:
        """End Sluice's own connections, whose slots are then fought for; return how many there were."""
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'sluice%'"
        row = self.held[0].execute(query).fetchone()
        return int(row[0]) if row else 0

    def go(self) -> None:
        """Give everything back."""
        self._done.set()
        self.join()
        for link in self.held:
            with contextlib.suppress(psycopg.Error):
                link.close()


@fault(
    "connections-exhausted",
    "every connection slot of the server is taken, and Sluice's own connections are ended",
    hold=(5.0, 20.0),
    hold_short=(3.0, 5.0),
)
@contextmanager
def exhaust(scene: Scene) -> Iterator[None]:
    """Fill the server, push Sluice out, and stay."""
    crowd = Crowd(scene.instance.server)
    crowd.start()
    try:
        assert crowd.full.wait(30), "the server never ran out of connections"
        ended = crowd.push_out()
        yield
        scene.note(f"{ended} connections ended, {len(crowd.held)} held at most")
    finally:
        crowd.go()
