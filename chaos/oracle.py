"""Knows what was sent and what was acknowledged, on disk, whatever becomes of Sluice.

Two logs: `sent` gets every new event before its request goes out, `acknowledged` every request after its answer; each
line is synced before the program goes on. The checks load them into tables of their own and compare in SQL.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from chaos.events import Event


class SyncedLog:
    """A file of lines. `append` returns when its lines are on disk; threads that come together share one sync."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    def append(self, lines: bytes) -> None:
        """Write whole lines."""
        with self._writing:
            self._file.write(lines)
            self._written += 1
            mine = self._written
        with self._syncing:
            if self._synced < mine:
                upto = self._written
                os.fdatasync(self._file.fileno())
                self._synced = upto

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Oracle:
    """What must be true of one instance. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.sent_log = SyncedLog(folder / "sent")
        self.acknowledged_log = SyncedLog(folder / "acknowledged")
        self._lock = threading.Lock()
        self._requests = 0
        #: Ids that must end as dead letters, and as nothing else.
        self.condemned: set[str] = set()
        self.sent = 0
        #: Events acknowledged once, and answers given for events, repeats included.
        self.acknowledged = self.answered = 0

    def sending(self, project: int, events: Sequence[Event]) -> int:
        """Note new events before they go out; return the number of their request."""
        with self._lock:
            self._requests += 1
            request = self._requests
            self.sent += len(events)
        lines = (f"{request}\t{project}\t{event.id}\t{event.hash()}\n" for event in events)
        self.sent_log.append("".join(lines).encode())
        return request

    def was_acknowledged(self, request: int, *, new: int, repeated: int = 0) -> None:
        """Note that a request with `new` events, and `repeated` ones from earlier requests, was answered with 202."""
        if new:
            self.acknowledged_log.append(f"{request}\n".encode())
        with self._lock:
            self.acknowledged += new
            self.answered += new + repeated

    def condemn(self, events: Iterable[Event]) -> None:
        """Note that these events must end as dead letters."""
        with self._lock:
            self.condemned |= {str(event.id) for event in events}

    def close(self) -> None:
        """Close the logs."""
        self.sent_log.close()
        self.acknowledged_log.close()
