"""The spool on disk: bounds, order, damage, full disks, and files that dead processes left."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from events.bus import spool_names
from events.bus import spool_telemetry as telemetry
from events.bus.base import BusFull, BusUnavailable
from events.bus.spool import Spool
from events.bus.spool_depth import bytes_on_disk, read_depth
from events.bus.spool_file import Entry, SpoolFile, is_damage
from events.bus.spool_names import hold
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    made = new_spool(folder)
    yield made
    made.close()


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


# --- order and removal ----------------------------------------------------------------------------------------


def test_nothing_is_made_before_it_is_needed_and_nothing_stays(spool: Spool, folder: Path) -> None:
    assert spool.depth().events == 0
    assert not folder.exists()
    spool.append(line(1))
    assert spool.depth().events == 1
    drain_all(spool, Sink())
    assert names(folder) == []


def test_batches_are_delivered_in_their_order_joined_by_project_and_lane(spool: Spool) -> None:
    for number in range(100):
        spool.append(line(number, project=1 + number % 2))
    spool.append(line(100, lane=Lane.HISTORICAL))
    sink = Sink()
    drain_all(spool, sink)
    assert [(batch.project_id, batch.lane, batch.events) for batch in sink.batches] == [
        (1, "live", 50),
        (2, "live", 50),
        (1, "historical", 1),
    ]
    assert sink.lines == [b"%d" % n for n in [*range(0, 100, 2), *range(1, 100, 2), 100]]


def test_a_small_bite_takes_at_least_one_batch(spool: Spool) -> None:
    for number in range(5):
        spool.append(line(number))
    sink = Sink()
    assert spool.drain(sink, 1)
    assert sink.lines == [b"0"]
    assert spool.depth().events == 4


def test_threads_that_spool_together_lose_nothing(spool: Spool) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: spool.append(line(number)), range(500)))
    sink = Sink()
    drain_all(spool, sink)
    assert sorted(map(int, sink.lines)) == list(range(500))


def test_what_is_not_delivered_stays_and_the_rest_goes(spool: Spool) -> None:
    for project in (1, 2, 3):
        spool.append(line(project, project=project))

    def deliver(batches: Sequence[Batch]) -> list[BusFull | None]:
        return [BusFull(retry_after=1) if batch.project_id == 2 else None for batch in batches]

    with pytest.raises(BusFull):
        spool.drain(deliver, MANY)
    sink = Sink()
    drain_all(spool, sink)
    assert sink.lines == [b"2"]


def test_what_comes_while_it_is_drained_is_not_removed_with_the_file(spool: Spool) -> None:
    spool.append(line(1))
    sink = Sink()
    assert spool.drain(sink, MANY)
    spool.append(line(2))
    drain_all(spool, sink)
    assert sink.lines == [b"1", b"2"]


# --- bounds ---------------------------------------------------------------------------------------------------


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


# --- looking from outside -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b"])
def test_what_waits_is_seen_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    spool = new_spool(tmp_path / name)
    spool.append(line(1))
    assert spool.depth().events == 1
    spool.close()


def test_a_file_that_cannot_be_looked_into_is_no_empty_one(folder: Path, spool: Spool) -> None:
    folder.mkdir(parents=True)
    path = folder / "1-odd.sqlite"
    path.write_bytes(os.urandom(8192))
    os.utime(path, (time.time() - 100, time.time() - 100))
    depth = spool.depth()
    assert (depth.events, depth.unread_files) == (0, 1)
    assert 100 <= depth.oldest_seconds < 200


def test_a_folder_that_cannot_be_looked_into_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_depth(tmp_path / "file").unread_files == 1


# --- processes ------------------------------------------------------------------------------------------------


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


def test_what_a_killed_process_acknowledged_is_adopted(spool: Spool, folder: Path) -> None:
    done = run_child(
        folder,
        """
        for number in range(50):
            spool.append(Batch(1, Lane.LIVE, 1, b"%d\\n" % number))
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert done.returncode == -signal.SIGKILL
    sink = Sink()
    drain_all(spool, sink)
    assert sink.lines == [b"%d" % number for number in range(50)]
    assert names(folder) == []


def test_a_process_killed_between_writes_keeps_every_acknowledged_one(folder: Path) -> None:
    code = """
        import itertools
        for number in itertools.count():
            spool.append(Batch(1, Lane.LIVE, 1, b"%d\\n" % number))
            print(number, flush=True)
        """
    head = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    body = "\n".join(one[8:] for one in code.splitlines())
    program = (
        head
        + "from pathlib import Path\nfrom events.bus.spool import Spool\nfrom events.contracts import Batch, Lane\n"
        + f"spool = Spool(Path({str(folder)!r}), max_bytes=1 << 30, max_age=3600, deadline=5)\n{body}"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout
    acknowledged = [int(child.stdout.readline()) for _ in range(30)]
    child.kill()
    acknowledged += [int(one) for one in child.stdout.read().splitlines() if one.strip()]
    child.wait()
    spool, sink = new_spool(folder), Sink()
    drain_all(spool, sink)
    found = [int(one) for one in sink.lines]
    assert found == list(range(len(found)))
    assert set(acknowledged) <= set(found)
    assert names(folder) == []


def test_a_living_process_keeps_its_file(spool: Spool, folder: Path) -> None:
    other = new_spool(folder)
    other.append(line(1))
    sink = Sink()
    drain_all(spool, sink)
    assert sink.lines == []
    other.close()
    drain_all(spool, sink)
    assert sink.lines == [b"1"]


def test_two_processes_never_adopt_one_file(folder: Path) -> None:
    dead = new_spool(folder)
    dead.append(line(1))
    path = the_file(folder)
    dead.close()
    first = SpoolFile.adopt(path)
    assert first is not None
    assert SpoolFile.adopt(path) is None
    first.delete()
    assert SpoolFile.adopt(path) is None
    assert names(folder) == []


def test_a_lock_that_was_removed_while_it_was_waited_for_is_not_held(folder: Path) -> None:
    folder.mkdir(parents=True)
    path = folder / "x.sqlite"
    handle = hold(path)
    assert handle is not None
    path.with_suffix(".lock").unlink()
    again = hold(path)
    assert again is not None
    assert os.fstat(again).st_ino == os.stat(path.with_suffix(".lock")).st_ino
    os.close(handle)
    os.close(again)


def test_a_new_file_whose_lock_is_held_by_a_searcher_gets_another_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def held_at_first(path: Path) -> int | None:
        asked.append(path)
        return hold(path) if len(asked) > 1 else None

    monkeypatch.setattr(spool_names, "hold", held_at_first)
    made = SpoolFile.new(folder)
    assert made.path == asked[1] != asked[0]
    made.close()


def test_a_lock_without_a_file_is_swept(spool: Spool, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "1-left.lock").touch()
    drain_all(spool, Sink())
    assert names(folder) == []


# --- damage ---------------------------------------------------------------------------------------------------


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


# --- what operators and clients are told ------------------------------------------------------------------------


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "sluice.spool"]


def test_a_full_spool_says_so_once_and_when_it_is_usable_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = new_spool(folder, max_bytes=200_000)
    batch = Batch(1, Lane.LIVE, 1, b"x" * 19_999 + b"\n")
    with pytest.raises(BusUnavailable, match="the spool on the gateway's disk is full"):
        for _ in range(100):
            spool.append(batch)
    with pytest.raises(BusUnavailable):
        spool.append(batch)
    assert spool.trouble == "full: SPOOL_MAX_BYTES is 200000"
    drain_all(spool, Sink())
    spool._bounds.forget()
    drain_all(spool, Sink())
    assert spool.trouble == ""
    assert messages(caplog) == [
        "the spool is full: SPOOL_MAX_BYTES is 200000; clients get 503",
        "the spool is usable again",
    ]
    spool.close()


def test_a_spool_that_cannot_be_written_says_so_without_naming_its_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").touch()
    spool = new_spool(tmp_path / "spool")
    for _ in range(2):
        with pytest.raises(BusUnavailable, match="cannot be written"):
            spool.append(line(1))
    assert spool.trouble.startswith("unusable: ")
    assert str(tmp_path) not in spool.trouble
    (tmp_path / "spool").unlink()
    spool._bounds.forget()
    drain_all(spool, Sink())
    assert spool.trouble == ""
    assert len(messages(caplog)) == 2
    spool.close()


def test_what_is_told_of_the_bytes_is_what_the_bound_counts(spool: Spool, folder: Path) -> None:
    spool.append(line(1))
    depth = spool.depth()
    assert depth.disk_bytes == bytes_on_disk(folder) > depth.bytes
