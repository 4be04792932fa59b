"""One file of the spool: an SQLite database that one process holds, and whose every commit is on disk."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from config.lib import sqlfile
from events.bus import spool_log
from events.bus import spool_names as names
from events.bus.wire import pack
from events.contracts import Batch, Depth

SQL = sqlfile.load(__file__, "spool.sql")
EMPTY = Depth(0, 0, 0.0)
_TABLES = {"entry", "tally"}
#: Pages in the log at which it is moved into the file: the less stands in there, the less one bad byte can cost.
_LOG_PAGES = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One spooled batch, still packed."""

    id: int
    events: int
    size: int
    packed: bytes


class SpoolFile:
    """A file of the spool, held by a lock that dies with the process. Used by one thread at a time.

    Every method may raise sqlite3.Error; `is_damage` tells which of these no patience will heal.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._link, self._log_frames = _open(path)
        #: The entries up to this one are delivered; some may wait for their removal.
        self._passed = 0
        #: The damaged entries of which a copy is kept already.
        self._kept: set[int] = set()
        #: Why some entries could not be read, if so: such a file is set aside when the others are delivered.
        self.damage: sqlite3.Error | None = None

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Make a file of a new name. Raises OSError or sqlite3.Error where that cannot be."""
        names.make_folder(folder)
        path, lock = names.new_name(folder)
        try:
            names.put(path, _empty())
            made = cls(path, lock)
        except BaseException:
            names.remove(path)
            os.close(lock)
            raise
        return made

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Hold the file of a process that is gone; None where it lives, or the file is gone as well.

        Raises sqlite3.Error where it cannot be opened; it was set aside if that is for good.
        """
        lock = names.hold(path)
        if lock is None:
            return None
        try:
            if path.is_dir():
                path.with_suffix(names.LOCK_SUFFIX).unlink(missing_ok=True)
                raise IsADirectoryError(errno.EISDIR, "a folder where a file of the spool could be")
            if path.exists():
                return cls._open_orphan(path, lock)
            names.remove(path)
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None

    @classmethod
    def _open_orphan(cls, path: Path, lock: int) -> Self:
        try:
            if not path.stat().st_size:
                # SQLite would take it for a new one. Ours are never empty, not even where their making was cut short.
                raise _damaged("the file is empty")
            expected = spool_log.keep(path)
            orphan = cls(path, lock)
        except sqlite3.Error as error:
            if is_damage(error):
                names.set_aside(path)
            raise
        orphan._compare_log(expected)
        return orphan

    def _compare_log(self, expected: int) -> None:
        """Drop the copy of the log if SQLite has found all `expected` frames; else the file is damaged.

        Nothing may be written before this, or the copy would not fit the file any more.
        """
        missing = expected - self._log_frames
        if missing > 0:
            self.damage = _damaged(f"{missing} of {expected} frames of its log cannot be read")
        else:
            spool_log.drop_copy(self.path)

    def add(self, batches: Sequence[Batch]) -> None:
        """Add batches, all or none, and return when they are on disk."""
        packed = [(batch.accepted, pack(batch)) for batch in batches]
        now = time.time()
        with self._transaction():
            self._link.executemany(SQL["add"], [(now, events, len(data), data) for events, data in packed])
            self._count(
                len(packed), sum(events for events, _ in packed), sum(len(data) for _, data in packed)
            )

    def read(self, max_bytes: int) -> list[Entry]:
        """Return the oldest entries that are not delivered: one, or several of at most `max_bytes`.

        Entries on damaged pages are passed by; `damage` then holds why.
        """
        try:
            return _up_to(max_bytes, self._in_order())
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self.damage = error
            return _up_to(max_bytes, self._one_by_one())

    def _in_order(self) -> Iterator[Entry]:
        found = False
        with closing(self._link.execute(SQL["oldest"], (self._passed,))) as rows:
            try:
                for row in rows:
                    found = True
                    yield Entry(*row)
            except sqlite3.Error:
                # What stands in front of a damaged page is good; the next call meets the damage at once.
                if not found:
                    raise

    def _one_by_one(self) -> Iterator[Entry]:
        ((last,),) = self._link.execute(SQL["last"]).fetchall()
        for number in range(self._passed + 1, last + 1):
            try:
                row = self._link.execute(SQL["one"], (number,)).fetchone()
            except sqlite3.Error:
                continue
            if row:
                yield Entry(*row)

    def passed(self, last: int | None) -> None:
        """Note that every entry up to `last` is delivered."""
        self._passed = self._passed if last is None else last

    def remove(self, entries: Iterable[Entry]) -> None:
        """Remove entries; from a damaged file nothing, for it is kept as it is."""
        gone = list(entries)
        if self.damage:
            return
        with self._transaction():
            self._link.executemany(SQL["remove"], [(entry.id,) for entry in gone])
            self._count(-len(gone), -sum(one.events for one in gone), -sum(one.size for one in gone))

    def depth(self) -> Depth:
        """Return what waits."""
        return _depth(self._link)

    def free_bytes(self) -> int:
        """Return what the file takes on disk for nothing, as SQLite keeps the room of what was removed for later."""
        ((free,),) = self._link.execute(SQL["free"]).fetchall()
        return int(free)

    def close(self) -> None:
        """Let go of the file; it stays, and may be adopted."""
        self._link.close()
        os.close(self._lock)

    def delete(self) -> None:
        """Remove the file."""
        self._link.close()
        names.remove(self.path)
        os.close(self._lock)

    def set_aside(self) -> Path:
        """Rename the file so that nobody reads it again; return its new name. Raises OSError; it is let go anyway."""
        try:
            self._link.close()
        except sqlite3.Error:
            pass
        try:
            return names.set_aside(self.path)
        finally:
            os.close(self._lock)

    def keep_damaged(self, entry: Entry) -> Path | None:
        """Write the bytes of an entry that cannot be read into a file of their own, durably; return its name.

        None where that was done before, and only its removal failed.
        """
        if entry.id in self._kept:
            return None
        aside = self.path.with_name(f"{self.path.stem}-{entry.id}{names.DAMAGED_SUFFIX}")
        with aside.open("wb") as file:
            file.write(entry.packed)
            file.flush()
            os.fsync(file.fileno())
        names.sync_folder(aside.parent)
        self._kept.add(entry.id)
        return aside

    def _count(self, entries: int, events: int, size: int) -> None:
        self._link.execute(SQL["count"], (entries, events, size))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._link.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._link.execute("COMMIT")
        except BaseException:
            # SQLite has ended it by itself where the disk is full.
            if self._link.in_transaction:
                self._link.execute("ROLLBACK")
            raise


def _up_to(max_bytes: int, entries: Iterator[Entry]) -> list[Entry]:
    found: list[Entry] = []
    room = max_bytes
    for entry in entries:
        room -= entry.size
        if found and room < 0:
            break
        found.append(entry)
    return found


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file is at fault, and not the disk's space, its rights or another reader."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _damaged(message: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(message)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def peek(path: Path) -> Depth | None:
    """Return what waits in a file that another process may hold: nothing where it is gone, None where none can say."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as link:
            return _depth(link)
    except sqlite3.Error:
        return EMPTY if _is_gone(path) else None


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def _empty() -> bytes:
    """Return what a file holds that was just made. A process that is killed while it makes one leaves none."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as link:
        link.executescript(SQL["create"])
        return link.serialize()


def _open(path: Path) -> tuple[sqlite3.Connection, int]:
    """Open a file; return with it how many frames SQLite found in its log."""
    # Several threads use it, one at a time: its owner sees to that.
    link = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
    try:
        os.chmod(path, 0o600)
        # Each commit waits for the disk: NORMAL would lose the last ones in a power cut.
        link.execute("PRAGMA synchronous = FULL")
        link.execute("PRAGMA journal_mode = WAL")
        ((_, frames, _),) = link.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if not {name for (name,) in link.execute(SQL["tables"])} >= _TABLES:
            raise _damaged("it is no spool")
        link.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    except BaseException:
        link.close()
        raise
    return link, frames


def _depth(link: sqlite3.Connection) -> Depth:
    _, events, size, since = link.execute(SQL["depth"]).fetchone() or (0, 0, 0, None)
    return Depth(events, size, max(0.0, time.time() - since) if since else 0.0)
