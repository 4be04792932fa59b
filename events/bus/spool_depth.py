"""What waits in the spool's folder, whichever processes hold it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from events.bus.spool_file import peek
from events.bus.spool_names import DAMAGED_SUFFIX, SUFFIX


@dataclass(frozen=True, slots=True)
class SpoolDepth:
    """What waits: events, their bytes, the age of the oldest batch in seconds; and how many damaged files lie there.

    `disk_bytes` is what the files take on disk, which the bound is about. `unread_files` is how many could not be
    looked into: something may wait there as well.
    """

    events: int
    bytes: int
    oldest_seconds: float
    damaged_files: int
    unread_files: int = 0
    disk_bytes: int = 0


def read_depth(folder: Path) -> SpoolDepth:
    """Look into every file of the folder, which need not exist. What cannot be read is as old as its last change."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        names = []
    except OSError:
        return SpoolDepth(0, 0, 0.0, 0, unread_files=1)
    paths = [folder / name for name in names if name.endswith(SUFFIX)]
    found = {path: peek(path) for path in paths}
    known = [depth for depth in found.values() if depth]
    unread = [path for path, depth in found.items() if depth is None]
    ages = [depth.oldest_seconds for depth in known] + [_age(path) for path in unread]
    return SpoolDepth(
        events=sum(one.events for one in known),
        bytes=sum(one.bytes for one in known),
        oldest_seconds=max(ages, default=0.0),
        damaged_files=sum(name.endswith(DAMAGED_SUFFIX) for name in names),
        unread_files=len(unread),
        disk_bytes=bytes_on_disk(folder),
    )


def bytes_on_disk(folder: Path) -> int:
    """Return what the files take, SQLite's own beside them included; those that were set aside do not count."""
    try:
        with os.scandir(folder) as found:
            return sum(_size(file) for file in found if DAMAGED_SUFFIX not in file.name)
    except FileNotFoundError:
        return 0


def _size(file: os.DirEntry[str]) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _age(path: Path) -> float:
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return 0.0
