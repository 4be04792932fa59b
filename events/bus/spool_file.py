"""One file of the spool: an SQLite database that one process holds, and whose every commit is on disk."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from config.lib import sqlfile
from events.bus.wire import pack
from events.contracts import Batch, Depth

SQL = sqlfile.load(__file__, "spool.sql")
SUFFIX, LOCK_SUFFIX, DAMAGED_SUFFIX = ".sqlite", ".lock", ".damaged"
#: SQLite's own files beside the database.
_COMPANIONS = ("-wal", "-shm", "-journal")
EMPTY = Depth(0, 0, 0.0)
_NAMES = 10


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
        self._link = _open(path)
        #: The entries up to this one are delivered; some may wait for their removal.
        self._passed = 0
        #: Why some entries could not be read, if so: such a file is set aside when the others are delivered.
        self.damage: sqlite3.Error | None = None

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Make a file of a new name. Raises OSError or sqlite3.Error where that cannot be."""
        _make_folder(folder)
        path, lock = _new_name(folder)
        try:
            made = cls(path, lock)
            _sync_folder(folder)
        except BaseException:
            _remove(path)
            os.close(lock)
            raise
        return made

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Hold the file of a process that is gone; None where it lives, or the file is gone as well.

        Raises sqlite3.Error where it cannot be opened; it was set aside if that is for good.
        """
        lock = hold(path)
        if lock is None:
            return None
        try:
            if path.exists():
                return cls._open_orphan(path, lock)
            _remove(path)
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None

    @classmethod
    def _open_orphan(cls, path: Path, lock: int) -> Self:
        try:
            _check_length(path)
            return cls(path, lock)
        except sqlite3.Error as error:
            if is_damage(error):
                set_aside(path)
            raise

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

    def close(self) -> None:
        """Let go of the file; it stays, and may be adopted."""
        self._link.close()
        os.close(self._lock)

    def delete(self) -> None:
        """Remove the file."""
        self._link.close()
        _remove(self.path)
        os.close(self._lock)

    def set_aside(self) -> Path:
        """Rename the file so that nobody reads it again; return its new name."""
        try:
            self._link.close()
        except sqlite3.Error:
            pass
        aside = set_aside(self.path)
        os.close(self._lock)
        return aside

    def keep_damaged(self, entry: Entry) -> Path:
        """Write the bytes of an entry that cannot be read into a file of their own, durably; return its name."""
        aside = self.path.with_name(f"{self.path.stem}-{entry.id}{DAMAGED_SUFFIX}")
        with aside.open("wb") as file:
            file.write(entry.packed)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(aside.parent)
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
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def peek(path: Path) -> Depth:
    """Return what waits in a file that another process may hold; nothing where it goes away or cannot be read."""
    try:
        link = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2)
        try:
            return _depth(link)
        finally:
            link.close()
    except sqlite3.Error:
        return EMPTY


def hold(path: Path) -> int | None:
    """Lock a file of the spool by the lock file beside it; None where somebody else holds it. Raises OSError."""
    name = path.with_suffix(LOCK_SUFFIX)
    while True:
        handle = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
        if _is_still(name, handle):
            return handle
        # Its former holder was just removing it.
        os.close(handle)


def _new_name(folder: Path) -> tuple[Path, int]:
    """Return the path of a file to be made, and its lock.

    Who looks for orphans may hold a lock file between its making and its locking: that name is then left to him.
    """
    for _ in range(_NAMES):
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        lock = hold(path)
        if lock is not None:
            return path, lock
    raise OSError(errno.ENOLCK, "files of the spool cannot be locked")


def set_aside(path: Path) -> Path:
    """Rename a file of the spool, and SQLite's beside it, to names that nobody reads."""
    aside = path.with_name(path.name + DAMAGED_SUFFIX)
    for companion in _companions(path):
        if companion.exists():
            companion.rename(str(aside) + companion.name.removeprefix(path.name))
    path.rename(aside)
    _remove(path)
    return aside


def _check_length(path: Path) -> None:
    """Refuse a file that was cut to nothing: SQLite would take it for a new one, and drop what waits beside it."""
    log = path.with_name(path.name + "-wal")
    if not path.stat().st_size and log.exists() and log.stat().st_size:
        error = sqlite3.DatabaseError("the file is empty, and its log is not")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _open(path: Path) -> sqlite3.Connection:
    # Several threads use it, one at a time: its owner sees to that.
    link = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
    try:
        os.chmod(path, 0o600)
        link.execute("PRAGMA journal_mode = WAL")
        # Each commit waits for the disk: NORMAL would lose the last ones in a power cut.
        link.execute("PRAGMA synchronous = FULL")
        link.executescript(SQL["create"])
    except BaseException:
        link.close()
        raise
    return link


def _depth(link: sqlite3.Connection) -> Depth:
    _, events, size, since = link.execute(SQL["depth"]).fetchone() or (0, 0, 0, None)
    return Depth(events, size, max(0.0, time.time() - since) if since else 0.0)


def _is_still(name: Path, handle: int) -> bool:
    try:
        return os.stat(name).st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _make_folder(folder: Path) -> None:
    """Make the folder for us alone, durably."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + companion) for companion in _COMPANIONS]


def _remove(path: Path) -> None:
    """Remove a file of the spool with all that lies beside it, its lock last."""
    for each in (path, *_companions(path), path.with_suffix(LOCK_SUFFIX)):
        each.unlink(missing_ok=True)
