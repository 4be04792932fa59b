"""The spool: batches on this host's disk while the bus is away. A folder that all gateways of a data folder share.

Each process writes a file of its own, made at its first need and removed when it is drained. The file of a process
that is gone belongs to whoever locks it first.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.lib.errors import SluiceError
from events.bus import spool_telemetry as telemetry
from events.bus.group_commit import GroupCommit
from events.bus.merge import merge
from events.bus.spool_bounds import Bounds
from events.bus.spool_depth import SpoolDepth, read_depth
from events.bus.spool_file import Entry, SpoolFile, is_damage
from events.bus.spool_names import LOCK_SUFFIX, SUFFIX
from events.bus.wire import Damaged, unpack
from events.contracts import Batch, Lane

logger = logging.getLogger("sluice.spool")
#: Seconds for which a dead process's file is left alone that cannot be read now.
_REST_SECONDS = 30.0

#: Takes batches, and says of each what kept it from being durable, if anything did.
Deliver = Callable[[Sequence[Batch]], Sequence[SluiceError | None]]


class Spool:
    """This process's side of the spool. `append` is for any thread, `drain` for one.

    `max_bytes` bounds the folder, `max_age` (seconds) the oldest batch in it, `deadline` (seconds) an append.
    """

    def __init__(self, folder: Path, *, max_bytes: int, max_age: float, deadline: float) -> None:
        self._folder = folder
        self._group = GroupCommit(self._write, deadline=deadline)
        #: Guards the own file: those who append, and the one who drains.
        self._mutex = threading.Lock()
        self._own: SpoolFile | None = None
        self._orphan: SpoolFile | None = None
        self._bounds = Bounds(folder, self._free, max_bytes=max_bytes, max_age=max_age)
        self._reported: set[Path] = set()
        #: Until when (`time.monotonic()`) files of dead processes are left alone.
        self._resting: dict[Path, float] = {}

    def append(self, batch: Batch, within: float | None = None) -> None:
        """Return when `batch` is on disk. Raises BusUnavailable where the spool is full, or the disk."""
        self._group.submit(batch, within)

    @property
    def trouble(self) -> str:
        """Why writes are refused at present, in words for anybody; nothing where they are taken."""
        return self._bounds.trouble

    def depth(self) -> SpoolDepth:
        """Return what waits in the folder, whoever holds it."""
        return read_depth(self._folder)

    def drain(self, deliver: Deliver, max_bytes: int) -> int:
        """Deliver the oldest batches, joined by project, and remove them; return how many bytes that were.

        Files of dead processes come first. Raises what kept a batch from being delivered: it stays.
        """
        with self._mutex:
            self._bounds.look_again()
        if self._orphan is None:
            self._orphan = self._adopt()
        file = self._orphan or self._own
        if file is None:
            return 0
        try:
            return self._drain(file, deliver, max_bytes)
        except sqlite3.Error as error:
            with self._mutex:
                self._give_up(file, error)
            return 0

    def close(self) -> None:
        """Let go of the files; they stay on disk for others."""
        with self._mutex:
            for file in (self._own, self._orphan):
                if file is not None:
                    file.close()
            self._own = self._orphan = None

    # --- appending ----------------------------------------------------------------------------------------

    def _write(self, batches: Sequence[Batch]) -> None:
        with self._mutex, self._full_disk_refused():
            self._bounds.check(sum(batch.size for batch in batches))
            try:
                self._add(batches)
            except sqlite3.Error as error:
                if self._own is None or not is_damage(error):
                    raise
                # Now it is an orphan: what can still be read of it is drained before it is set aside.
                self._own.close()
                self._own = None
                self._add(batches)
        telemetry.spooled.inc(sum(batch.accepted for batch in batches))

    def _add(self, batches: Sequence[Batch]) -> None:
        if self._own is None:
            self._own = SpoolFile.new(self._folder)
        self._own.add(batches)

    def _free(self) -> int:
        """Return the room in the own file."""
        try:
            return self._own.free_bytes() if self._own else 0
        except sqlite3.Error:
            # What is wrong with it shows when it is written to.
            return 0

    @contextmanager
    def _full_disk_refused(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._bounds.failed(error) from error
        self._bounds.passed()

    # --- draining -----------------------------------------------------------------------------------------

    def _drain(self, file: SpoolFile, deliver: Deliver, max_bytes: int) -> int:
        with self._mutex:
            entries = file.read(max_bytes)
            self._write_no_more_into_damage()
            if not entries:
                self._finish(file)
                return 0
        self._deliver(file, entries, deliver)
        return sum(entry.size for entry in entries)

    def _finish(self, file: SpoolFile) -> None:
        """Remove a file that is delivered, as far as it can be read."""
        if file.damage:
            self._set_aside(file, file.damage)
            return
        self._forget(file)
        file.delete()

    def _write_no_more_into_damage(self) -> None:
        """Treat the own file like a dead process's from its first damage on. The mutex is held, by the drainer."""
        if self._own is not None and self._own.damage:
            self._own, self._orphan = None, self._own

    def _deliver(self, file: SpoolFile, entries: Sequence[Entry], deliver: Deliver) -> None:
        groups = list(self._by_owner(file, entries))
        errors = deliver([batch for _, batch in groups])
        done = [
            entry for (group, _), error in zip(groups, errors, strict=True) if not error for entry in group
        ]
        telemetry.drained.inc(sum(entry.events for entry in done))
        with self._mutex:
            self._remove(file, done, last=None if any(errors) else entries[-1].id)
        for error in errors:
            if error:
                raise error

    def _by_owner(self, file: SpoolFile, entries: Sequence[Entry]) -> Iterator[tuple[list[Entry], Batch]]:
        """Join the entries of each project and lane. What cannot be read is set aside, durably."""
        groups: dict[tuple[int, Lane], tuple[list[Entry], list[Batch]]] = {}
        for entry in entries:
            batch = self._unpack(file, entry)
            if batch is not None:
                group = groups.setdefault((batch.project_id, batch.lane), ([], []))
                group[0].append(entry)
                group[1].append(batch)
        for group in groups.values():
            yield group[0], next(merge(group[1]))

    def _unpack(self, file: SpoolFile, entry: Entry) -> Batch | None:
        try:
            return unpack(entry.packed)
        except Damaged as error:
            if aside := file.keep_damaged(entry):
                telemetry.damaged.inc()
                # Their number may be what is damaged: an event takes more than a byte.
                events = entry.events if 0 < entry.events < entry.size else "some"
                logger.critical("%s spooled events cannot be read (%s); set aside: %s", events, error, aside)
            with self._mutex:
                self._remove(file, [entry], last=None)
            return None

    def _remove(self, file: SpoolFile, done: Sequence[Entry], last: int | None) -> None:
        """Remove what is delivered, up to the entry `last` where that is everything."""
        file.passed(last)
        try:
            file.remove(done)
        except sqlite3.Error as error:
            # A full disk has no room for removing either, and a damaged file cannot be changed. The file goes as a
            # whole when all of it is delivered; until then a new start delivers it again.
            if is_damage(error):
                file.damage = error
                self._write_no_more_into_damage()
            else:
                logger.warning("delivered batches stay in the spool for now: %s", error)

    def _adopt(self) -> SpoolFile | None:
        """Take the oldest file that a dead process left, if there is one."""
        found = {
            path.with_suffix(SUFFIX)
            for kind in (SUFFIX, LOCK_SUFFIX)
            for path in self._folder.glob(f"*{kind}")
        }
        for path in sorted(found, key=_age_of):
            if time.monotonic() < self._resting.get(path, -math.inf):
                continue
            try:
                if adopted := SpoolFile.adopt(path):
                    logger.warning("taking over %s, which a process left", path)
                    return adopted
            except (sqlite3.Error, OSError) as error:
                self._report(path, error)
        return None

    def _give_up(self, file: SpoolFile, error: sqlite3.Error) -> None:
        """Set a damaged file aside. Whatever else is wrong may pass; a dead process's file does not hold up others."""
        if is_damage(error):
            self._set_aside(file, error)
            return
        if file is self._orphan:
            self._orphan = None
            self._resting[file.path] = time.monotonic() + _REST_SECONDS
            file.close()
        self._report(file.path, error)

    def _set_aside(self, file: SpoolFile, error: sqlite3.Error) -> None:
        self._forget(file)
        try:
            file.set_aside()
        except OSError as trouble:
            self._resting[file.path] = time.monotonic() + _REST_SECONDS
            self._report(file.path, trouble)
        else:
            self._report(file.path, error)

    def _forget(self, file: SpoolFile) -> None:
        self._bounds.forget()
        if file is self._own:
            self._own = None
        else:
            self._orphan = None

    def _report(self, path: Path, error: sqlite3.Error | OSError) -> None:
        if isinstance(error, sqlite3.Error) and is_damage(error):
            telemetry.damaged.inc()
            logger.critical("%s is damaged (%s) and was set aside: see the runbook", path, error)
        elif path not in self._reported:
            # It is tried again and again; saying so once is enough.
            self._reported.add(path)
            logger.error("%s cannot be read now: %s", path, error)


def _age_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
