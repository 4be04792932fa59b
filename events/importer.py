"""Imports a file through the bus and the processor like any other events, in the historical lane.

How far it came is kept after every batch, so a stopped import goes on where it was; ids follow from the file's
content and the line's number, so importing twice stores once.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import IO

from django.conf import settings

from config.lib import clock
from config.lib.errors import SluiceError
from events.accesslog import event_of
from events.bus.base import Bus
from events.contracts import Batch, Lane, Reject, reject_id
from events.gateway.encode import Encoder
from events.gateway.limits import limits
from events.models import ImportJob, Project
from events.plan.rules import Plan
from events.plan.selectors import current_plan
from events.reasons import Reason, Stage

_BATCH_LINES = 1000
_CHUNK = 1 << 20


def open_log(path: Path) -> IO[bytes]:
    """Open a log, inflating it where it is gzip by its first bytes, whatever its name."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def measure(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of the file's uncompressed content and how many lines it has."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    with open_log(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return digest.hexdigest(), lines + (last != b"\n")


class Forgotten(Exception):
    """The file was imported before; its events would be counted twice."""


def start(*, project: Project, path: Path, sha256: str, again: bool = False) -> ImportJob:
    """Return the job that imports this content: an unfinished one goes on, a finished one begins anew.

    Raises Forgotten when it was finished so long ago that the ledger may not know its ids any more.
    """
    job, _ = ImportJob.objects.get_or_create(
        project=project, file_sha256=sha256, defaults={"filename": path.name}
    )
    if job.finished_at is not None:
        if clock.now() - job.finished_at > timedelta(days=settings.DEDUP_WINDOW_DAYS) and not again:
            raise Forgotten(f"This file was imported on {job.finished_at:%Y-%m-%d}, before the dedup window.")
        job.lines_done, job.finished_at = 0, None
    return job


def run(*, job: ImportJob, path: Path, bus: Bus) -> Iterator[Batch]:
    """Send what is left of the file to the bus, batch by batch; yield each when it is durable."""
    plan = RecentPlan(job.project_id)
    with open_log(path) as file:
        lines = islice(file, job.lines_done, None)
        while chunk := list(islice(lines, _BATCH_LINES)):
            batch = _encode(job, chunk, plan.now())
            _append(bus, batch)
            job.lines_done += len(chunk)
            job.save()
            yield batch
    job.finished_at = clock.now()
    job.save()


class RecentPlan:
    """A project's plan, read anew and compiled once in some seconds: as long as a gateway may take to know of it."""

    def __init__(self, project_id: int) -> None:
        self._project_id = project_id
        self._plan: Plan | None = None
        self._read_at: float | None = None

    def now(self) -> Plan | None:
        """Return the plan as it was a few seconds ago or later; None where there is none."""
        moment = time.monotonic()
        if self._read_at is None or moment - self._read_at > settings.KEY_CACHE_SECONDS:
            found = current_plan(self._project_id)
            if found is None or self._plan is None or found.version != self._plan.version:
                self._plan = found
            self._read_at = moment
        return self._plan


def _encode(job: ImportJob, lines: list[bytes], plan: Plan | None) -> Batch:
    encoder = Encoder(job.project_id, Lane.HISTORICAL, clock.now(), limits(), plan=plan)
    events, unread = [], []
    for number, line in enumerate(lines, job.lines_done + 1):
        line = line.rstrip(b"\r\n")
        event = event_of(line, file_sha256=job.file_sha256, number=number)
        if event is not None:
            events.append(event)
        elif line.strip():
            unread.append(_unparseable(line, file_sha256=job.file_sha256, number=number))
    encoder.encode(events)
    encoder.rejects += unread
    return encoder.batch()


def _unparseable(line: bytes, *, file_sha256: str, number: int) -> Reject:
    message = f"Line {number} is not in the common or combined log format."
    ident = reject_id(file_sha256.encode(), number)
    return Reject(Stage.IMPORT, Reason.UNPARSEABLE_LINE, message, line, id=ident)


def _append(bus: Bus, batch: Batch) -> None:
    """Append; wait as long as the bus is full or away: its ids are fixed, so sending again is safe."""
    while True:
        try:
            return bus.append(batch)
        except SluiceError as error:
            if not error.transient:
                raise
            time.sleep(error.extra.get("retry_after", 1))
