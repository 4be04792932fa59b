"""A spool in a folder of a test's own, and where it is drained to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from events.bus.spool import Spool
from events.contracts import Batch, Lane

ROOT = Path(__file__).resolve().parent.parent.parent
MANY = 1 << 30


class Sink:
    """Where a spool is drained to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def __call__(self, batches: Sequence[Batch]) -> list[None]:
        self.batches += batches
        return [None] * len(batches)

    @property
    def lines(self) -> list[bytes]:
        return [line for batch in self.batches for line in batch.rows.split()]


def new_spool(folder: Path, *, max_bytes: int = MANY, max_age: float = 3600) -> Spool:
    return Spool(folder, max_bytes=max_bytes, max_age=max_age, deadline=5)


def line(number: int, project: int = 1, lane: Lane = Lane.LIVE) -> Batch:
    return Batch(project, lane, 1, b"%d\n" % number)


def drain_all(spool: Spool, sink: Sink, max_bytes: int = MANY) -> None:
    while spool.drain(sink, max_bytes):
        pass


def the_file(folder: Path) -> Path:
    (found,) = folder.glob("*.sqlite")
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_child(folder: Path, code: str, *, kill: bool = False) -> subprocess.CompletedProcess[str]:
    """Run code with a `spool` in a process of its own."""
    head = f"""
import os, signal, sys
from pathlib import Path
from events.bus.base import BusUnavailable
from events.bus.spool import Spool
from events.contracts import Batch, Lane
spool = Spool(Path({str(folder)!r}), max_bytes=1 << 30, max_age=3600, deadline=5)
"""
    body = "\n".join(one[8:] for one in code.splitlines())
    return subprocess.run(
        [sys.executable, "-c", head + body], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
