"""The spool on disk: bounds in bytes and age, full disks."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from events.bus.base import BusUnavailable
from events.bus.spool import Spool
from events.bus.spool_depth import bytes_on_disk
from events.bus.spool_file import SpoolFile
from events.contracts import Batch, Lane
from tests.support.spooled import Sink, drain_all, line, names, new_spool, run_child, the_file


def test_a_full_spool_refuses_and_keeps_what_it_has(folder: Path) -> None:
    spool = new_spool(folder, max_bytes=200_000)
    batch = Batch(1, Lane.LIVE, 1, b"x" * 9_999 + b"\n")
    taken = 0
    with pytest.raises(BusUnavailable) as full:
        for _ in range(100):
            spool.append(batch)
            taken += 1
    assert full.value.extra["retry_after"] >= 1
    assert 0 < taken <= 20
    sink = Sink()
    drain_all(spool, sink)
    assert len(sink.lines) == taken
    spool.append(batch)
    spool.close()


def test_the_bound_is_on_the_folder_whoever_wrote_it(folder: Path) -> None:
    one, other = new_spool(folder), new_spool(folder, max_bytes=100_000)
    one.append(Batch(1, Lane.LIVE, 1, b"x" * 200_000 + b"\n"))
    with pytest.raises(BusUnavailable):
        other.append(line(1))
    one.close()
    other.close()


def test_a_spool_whose_oldest_batch_is_too_old_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = new_spool(folder, max_age=60)
    spool.append(line(1))
    spool._bounds.forget()
    monkeypatch.setattr("events.bus.spool_file.time.time", lambda: os.stat(the_file(folder)).st_mtime + 100)
    with pytest.raises(BusUnavailable):
        spool.append(line(2))
    monkeypatch.undo()
    assert spool.depth().events == 1
    spool.close()


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")]
)
def test_a_disk_that_is_full_refuses_and_recovers(
    spool: Spool, folder: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    spool.append(line(1))
    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "add", fail)
        with pytest.raises(BusUnavailable):
            spool.append(line(2))
    spool.append(line(3))
    sink = Sink()
    drain_all(spool, sink)
    assert sink.lines == [b"1", b"3"]


def test_a_file_that_may_not_grow_refuses_and_keeps_what_it_acknowledged(folder: Path) -> None:
    """The limit holds for the whole process, so another one runs into it."""
    done = run_child(
        folder,
        """
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        number = 0
        try:
            while True:
                spool.append(Batch(1, Lane.LIVE, 1, b"%d " % number + b"x" * 5000 + b"\\n"))
                number += 1
        except BusUnavailable:
            print(number)
        """,
    )
    taken = int(done.stdout)
    assert taken > 10, done.stderr
    spool, sink = new_spool(folder), Sink()
    drain_all(spool, sink)
    numbers = [int(one) for one in sink.lines if one.isdigit()]
    assert numbers[:taken] == list(range(taken))
    assert names(folder) == []


def test_a_spool_that_was_full_and_is_almost_drained_takes_batches_again(folder: Path) -> None:
    """SQLite keeps the room of what was removed, and the file its size."""
    spool = new_spool(folder, max_bytes=20_000_000)
    batch = Batch(1, Lane.LIVE, 1, b"x" * 199_999 + b"\n")
    with pytest.raises(BusUnavailable):
        for _ in range(200):
            spool.append(batch)
    while spool.depth().events > 2:
        assert spool.drain(Sink(), 300_000)
    for _ in range(5):
        spool._bounds.forget()
        spool.append(batch)
    assert bytes_on_disk(folder) > 15_000_000
    spool.close()
