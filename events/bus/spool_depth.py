"""What waits in the spool's folder, whichever processes hold it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from events.bus.spool_file import DAMAGED_SUFFIX, SUFFIX, peek


@dataclass(frozen=True, slots=True)
class SpoolDepth:
    """What waits: events, bytes, the age of the oldest batch in seconds; and how many damaged files lie there."""

    events: int
    bytes: int
    oldest_seconds: float
    damaged_files: int


def read_depth(folder: Path) -> SpoolDepth:
    """Look into every file of the folder, which need not exist."""
    found = [peek(path) for path in folder.glob(f"*{SUFFIX}")]
    return SpoolDepth(
        events=sum(one.events for one in found),
        bytes=sum(one.bytes for one in found),
        oldest_seconds=max((one.oldest_seconds for one in found), default=0.0),
        damaged_files=sum(1 for _ in folder.glob(f"*{DAMAGED_SUFFIX}")),
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
