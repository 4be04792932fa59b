"""The keys that were used lately, on disk: a web process that starts while the database is away knows them from here.

Digests and what a key may do, never tokens. All processes of a host share the file; what one learnt while another
wrote is written again within the hour.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger("sluice.keys")
#: Seconds for which an entry is good, after which it is noted anew, and between two writes.
_GOOD_SECONDS, _ANEW_SECONDS, _WRITE_SECONDS = 86_400, 3600, 2.0

#: project, kind, events a second, burst, version of the tracking plan: as the database has them.
Row = tuple[int, str, int, int, int]


class KnownKeys:
    """A file of keys by their digest. No method raises: without the file, keys are unknown as they were before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = (0, 0)
        #: By digest: when the database said so (`time.time()`), and what.
        self._entries: dict[str, tuple[float, Row]] = {}
        self._news: dict[str, tuple[float, Row] | None] = {}
        self._written_at = -_WRITE_SECONDS
        self._said = False

    def find(self, digest: bytes) -> Row | None:
        """Return what the database said of a key within a day. Only to be asked while the database is away."""
        with self._lock:
            self._read()
            said_at, row = self._entries.get(digest.hex(), (0.0, None))
        return row if 0 <= time.time() - said_at < _GOOD_SECONDS else None

    def note(self, digest: bytes, row: Row | None) -> None:
        """Note what the database has just said of a key: None where there is none, or not any more."""
        with self._lock:
            self._read()
            name, now = digest.hex(), time.time()
            said_at, known = self._entries.get(name, (0.0, None))
            if known != row or (row and not 0 <= now - said_at < _ANEW_SECONDS):
                self._news[name] = row and (now, row)
            # A key that was revoked must be gone at once, whatever happens to this process.
            if self._news and (row is None or time.monotonic() - self._written_at > _WRITE_SECONDS):
                self._write()

    def _read(self) -> None:
        try:
            stamp = _stamp_of(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                found = json.loads(self._path.read_text())
                self._entries = {name: (float(at), _row(*row)) for name, (at, row) in found.items()}
        except FileNotFoundError:
            self._entries = {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self._say_once(error)
            self._entries = {}

    def _write(self) -> None:
        now = time.time()
        kept = {name: entry for name, entry in self._entries.items() if now - entry[0] < _GOOD_SECONDS}
        news, self._news, self._written_at = self._news, {}, time.monotonic()
        self._entries = {name: entry for name, entry in (kept | news).items() if entry}
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(self._entries))
            draft.replace(self._path)
            self._stamp = _stamp_of(self._path)
            self._said = False
        except OSError as error:
            self._say_once(error)
            if not all(news.values()):
                # Rather none than one that was revoked; a full disk lets files go.
                with suppress(OSError):
                    self._path.unlink()

    def _say_once(self, error: Exception) -> None:
        if not self._said:
            logger.warning("the keys that were used cannot be kept on disk: %s", error)
        self._said = True


def _stamp_of(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_ino, state.st_mtime_ns


def _row(project: int, kind: str, rate: int, burst: int, plan: int = 0) -> Row:
    """Return an entry of the file as a row; one that an earlier version wrote has no plan."""
    return int(project), str(kind), int(rate), int(burst), int(plan)
