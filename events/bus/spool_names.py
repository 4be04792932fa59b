"""The names that a file of the spool goes by: making and locking them, setting them aside, removing them."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

SUFFIX, LOCK_SUFFIX, DAMAGED_SUFFIX = ".sqlite", ".lock", ".damaged"
PROBE_SUFFIX = ".probe"
_PROBE_BYTES = 1 << 20
#: SQLite's log beside a file, our copy of it, and a file that is still being made.
LOG, KEPT_LOG, DRAFT = "-wal", "-wal-kept", "-new"
#: What may lie beside a file.
_COMPANIONS = (LOG, "-shm", "-journal", KEPT_LOG, f"{KEPT_LOG}-new", DRAFT)
_NAMES = 10


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


def new_name(folder: Path) -> tuple[Path, int]:
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
    remove(path)
    return aside


def make_folder(folder: Path) -> None:
    """Make the folder for us alone, durably."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def takes_bytes(folder: Path) -> bool:
    """Tell whether a disk that refused takes something again. It may refuse more than what is tried here."""
    probe = folder / f"{os.getpid()}{PROBE_SUFFIX}"
    try:
        make_folder(folder)
        probe.write_bytes(bytes(_PROBE_BYTES))
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
    return True


def put(path: Path, content: bytes) -> None:
    """Make a file of this content: there is all of it under that name, durably, or nothing."""
    draft = path.with_name(path.name + DRAFT)
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    sync_file(draft)
    draft.rename(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    sync_file(folder)


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + companion) for companion in _COMPANIONS]


def remove(path: Path) -> None:
    """Remove a file of the spool with all that lies beside it, its lock last."""
    for each in (path, *_companions(path), path.with_suffix(LOCK_SUFFIX)):
        each.unlink(missing_ok=True)


def _is_still(name: Path, handle: int) -> bool:
    try:
        return os.stat(name).st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
