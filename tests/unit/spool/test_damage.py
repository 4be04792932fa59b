"""The spool on disk: what is damaged is set aside and counted, its neighbours are delivered."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from events.bus import spool_names
from events.bus import spool_telemetry as telemetry
from events.bus.base import BusFull
from events.bus.spool import Spool
from events.bus.spool_file import Entry, SpoolFile, is_damage
from events.contracts import Batch, Lane
from tests.support.spooled import MANY, Sink, drain_all, line, names, new_spool, the_file


def test_a_damaged_batch_is_set_aside_and_its_neighbours_are_delivered(
    spool: Spool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        spool.append(line(number))
    with sqlite3.connect(the_file(folder)) as link:
        link.execute("UPDATE entry SET batch = CAST(replace(batch, '1', '7') AS BLOB) WHERE id = 2")
        link.execute("UPDATE entry SET batch = x'00' || batch WHERE id = 2")
    link.close()
    sink = Sink()
    drain_all(spool, sink)
    assert sink.lines == [b"0", b"2"]
    assert [record.levelname for record in caplog.records if "set aside" in record.message] == ["CRITICAL"]
    (aside,) = folder.iterdir()
    assert aside.name.endswith(".damaged")
    assert spool.depth().damaged_files == 1


@pytest.mark.parametrize("damage", ["garbage", "emptied"])
def test_a_file_that_is_no_spool_any_more_is_set_aside_whole(
    spool: Spool, folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead = new_spool(folder)
    dead.append(line(1))
    path = the_file(folder)
    # As a kill leaves it: with its log.
    copies = {each.name: each.read_bytes() for each in folder.iterdir()}
    dead.close()
    for name, content in copies.items() if damage == "emptied" else ():
        (folder / name).write_bytes(content)
    path.write_bytes(os.urandom(8192) if damage == "garbage" else b"")
    sink = Sink()
    drain_all(spool, sink)
    spool.append(line(2))
    drain_all(spool, sink)
    assert sink.lines == [b"2"]
    assert [record.levelname for record in caplog.records if "is damaged" in record.message] == ["CRITICAL"]
    assert spool.depth().damaged_files >= 1
    assert not list(folder.glob("*.sqlite"))


def test_all_but_a_damaged_page_is_delivered_in_order(
    spool: Spool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead = new_spool(folder)
    for number in range(200):
        dead.append(Batch(1, Lane.LIVE, 1, b"%d " % number + b"x" * 900 + b"\n"))
    path = the_file(folder)
    dead.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))
    sink = Sink()
    drain_all(spool, sink)
    numbers = [int(one) for one in sink.lines if one.isdigit()]
    assert 190 <= len(numbers) < 200
    assert numbers == sorted(set(numbers))
    assert spool.depth().damaged_files == 1
    assert [record.levelname for record in caplog.records if "is damaged" in record.message] == ["CRITICAL"]


def test_a_log_that_was_cut_short_costs_its_end_and_no_more(spool: Spool, folder: Path) -> None:
    dead = new_spool(folder)
    for number in range(20):
        dead.append(line(number))
    log = folder / (the_file(folder).name + "-wal")
    copies = {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith("-shm")}
    dead.close()
    for name, content in copies.items():
        (folder / name).write_bytes(content)
    with log.open("r+b") as file:
        file.truncate(len(copies[log.name]) * 3 // 4)
    sink = Sink()
    drain_all(spool, sink)
    numbers = [int(one) for one in sink.lines]
    assert 5 < len(numbers) < 20
    assert numbers == list(range(len(numbers)))


def test_a_file_that_is_damaged_while_it_is_written_is_left_for_a_new_one(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(line(1))
    first = the_file(folder)
    error = sqlite3.DatabaseError("malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    sound = SpoolFile.add

    def add(file: SpoolFile, batches: Sequence[Batch]) -> None:
        if file.path == first:
            raise error
        sound(file, batches)

    monkeypatch.setattr(SpoolFile, "add", add)
    spool.append(line(2))
    sink = Sink()
    drain_all(spool, sink)
    drain_all(spool, sink)
    assert sink.lines == [b"1", b"2"]


def test_a_disk_too_full_for_removing_delivers_once_and_then_drops_the_file(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        spool.append(line(number))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(SpoolFile, "remove", fail)
    sink = Sink()
    drain_all(spool, sink, max_bytes=100)
    assert sink.lines == [b"%d" % number for number in range(10)]
    assert names(folder) == []


def fault(code: int) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("a fault")
    error.sqlite_errorcode = code
    return error


def damage_counted() -> float:
    return telemetry.damaged._value.get()


def test_a_wrong_statement_is_no_damage() -> None:
    with sqlite3.connect(":memory:") as link, pytest.raises(sqlite3.OperationalError) as wrong:
        link.execute("SELECT nothing")
    link.close()
    assert not is_damage(wrong.value)


def test_an_orphan_that_the_disk_does_not_give_does_not_hold_up_the_own_file(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = new_spool(folder)
    dead.append(line(1))
    orphan = the_file(folder)
    dead.close()
    spool.append(line(2))
    sound = SpoolFile.read

    def read(file: SpoolFile, max_bytes: int) -> list[Entry]:
        if file.path == orphan:
            raise fault(sqlite3.SQLITE_IOERR)
        return sound(file, max_bytes)

    sink = Sink()
    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "read", read)
        assert spool.drain(sink, MANY) == 0
        drain_all(spool, sink)
    assert sink.lines == [b"2"]
    drain_all(spool, sink)
    assert orphan.exists()
    monkeypatch.setattr("events.bus.spool._REST_SECONDS", 0)
    spool._resting.clear()
    drain_all(spool, sink)
    assert sink.lines == [b"2", b"1"]


def test_nothing_is_written_any_more_into_an_own_file_that_is_damaged(spool: Spool, folder: Path) -> None:
    for number in range(200):
        spool.append(Batch(1, Lane.LIVE, 1, b"%d " % number + b"x" * 900 + b"\n"))
    first = the_file(folder)
    assert spool._own
    spool._own._link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with first.open("r+b") as file:
        file.seek(first.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))
    # As another start meets it: SQLite has no page of it in memory.
    spool._own._link.execute("PRAGMA shrink_memory")
    sink = Sink()
    while spool._own and spool._own.path == first:
        assert spool.drain(sink, 20_000)
    spool.append(line(1000))
    assert len(list(folder.glob("*.sqlite"))) == 2
    drain_all(spool, sink)
    drain_all(spool, sink)
    numbers = [int(one) for one in sink.lines if one.isdigit()]
    assert 190 < len(numbers) < 201
    assert numbers[-1] == 1000
    assert spool.depth().damaged_files == 1


def test_a_damaged_batch_that_cannot_be_removed_is_counted_once_and_passed(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        spool.append(line(number))
    with sqlite3.connect(the_file(folder)) as link:
        link.execute("UPDATE entry SET batch = x'00' || batch WHERE id = 2")
    link.close()

    def fail(*_: object) -> None:
        raise fault(sqlite3.SQLITE_FULL)

    monkeypatch.setattr(SpoolFile, "remove", fail)
    before, sink = damage_counted(), Sink()

    def refuse_once(batches: Sequence[Batch]) -> list[BusFull]:
        return [BusFull(retry_after=1) for _ in batches]

    with pytest.raises(BusFull):
        spool.drain(refuse_once, MANY)
    drain_all(spool, sink)
    assert sink.lines == [b"0", b"2"]
    assert damage_counted() - before == 1


def test_a_damaged_file_that_cannot_be_renamed_is_not_counted_and_others_go_on(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = new_spool(folder)
    dead.append(line(1))
    dead.close()
    spool.append(line(2))

    def broken(file: SpoolFile, max_bytes: int) -> list[Entry]:
        if file is spool._own:
            return sound(file, max_bytes)
        raise fault(sqlite3.SQLITE_CORRUPT)

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    sound = SpoolFile.read
    monkeypatch.setattr(SpoolFile, "read", broken)
    monkeypatch.setattr(spool_names, "set_aside", refuse)
    before, sink = damage_counted(), Sink()
    spool.drain(sink, MANY)
    drain_all(spool, sink)
    assert sink.lines == [b"2"]
    assert damage_counted() == before
