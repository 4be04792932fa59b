"""What a dead process's log held is delivered or known to be missing. SQLite drops its damaged end in silence."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from events.bus import spool_log
from events.bus import spool_telemetry as telemetry
from events.bus.spool import Spool
from events.bus.spool_file import SpoolFile
from events.contracts import Batch, Lane

BATCHES, FRAME = 12, 24 + 4096


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = new_spool(tmp_path)
    yield made
    made.close()


def new_spool(folder: Path) -> Spool:
    return Spool(folder, max_bytes=1 << 30, max_age=3600, deadline=5)


def drained(spool: Spool) -> list[int]:
    found: list[Batch] = []

    def deliver(batches: Sequence[Batch]) -> list[None]:
        found.extend(batches)
        return [None] * len(batches)

    while spool.drain(deliver, 1 << 30):
        pass
    return [int(line) for batch in found for line in batch.rows.split()]


def left_behind(folder: Path, copy: Path) -> Path:
    """Leave the file of a process that was killed: with its log, which SQLite removes from one that ends."""
    dead = new_spool(folder)
    for number in range(BATCHES):
        dead.append(Batch(1, Lane.LIVE, 1, b"%d\n" % number))
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"))
    dead.close()
    shutil.copytree(copy, folder, dirs_exist_ok=True)
    (file,) = folder.glob("*.sqlite")
    return file.with_name(file.name + "-wal")


@pytest.fixture
def log(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return left_behind(tmp_path, tmp_path_factory.mktemp("copy") / "copy")


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def middle(size: int) -> int:
    return 32 + size // FRAME // 2 * FRAME


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(lambda size: middle(size) + 2000, id="page"),
        pytest.param(lambda size: middle(size) + 8, id="salt"),
        pytest.param(lambda size: size - 1000, id="last frame"),
        pytest.param(lambda size: 9, id="page size"),
        pytest.param(lambda size: 17, id="header's salt"),
    ],
)
def test_one_damaged_byte_of_a_log_is_not_passed_over(
    spool: Spool, tmp_path: Path, log: Path, where: Callable[[int], int], caplog: pytest.LogCaptureFixture
) -> None:
    flip(log, where(log.stat().st_size))
    broken, before = log.read_bytes(), telemetry.damaged._value.get()
    found = drained(spool)
    assert found == list(range(len(found)))
    assert len(found) < BATCHES
    (told,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert "frames of its log cannot be read" in told.getMessage()
    assert telemetry.damaged._value.get() - before == 1
    assert spool.depth().damaged_files == 1
    (kept,) = tmp_path.glob("*.sqlite.damaged-wal-kept")
    assert kept.read_bytes() == broken
    assert not list(tmp_path.glob("*.sqlite"))


def test_a_sound_log_is_delivered_and_no_copy_of_it_stays(spool: Spool, tmp_path: Path, log: Path) -> None:
    assert drained(spool) == list(range(BATCHES))
    assert not list(tmp_path.iterdir())


def test_a_log_that_ends_within_a_frame_is_a_write_that_was_cut_short(
    spool: Spool, tmp_path: Path, log: Path
) -> None:
    """A process that is killed while it writes leaves the same, and nobody was told that this write is safe."""
    with log.open("r+b") as file:
        file.truncate(middle(log.stat().st_size) + 2000)
    found = drained(spool)
    assert 0 < len(found) < BATCHES
    assert found == list(range(len(found)))
    assert not list(tmp_path.iterdir())


def test_who_is_killed_before_he_knows_leaves_the_log_to_the_next(
    spool: Spool, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(log, middle(log.stat().st_size) + 2000)
    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "_compare_log", lambda *_: None)
        (path,) = tmp_path.glob("*.sqlite")
        orphan = SpoolFile.adopt(path)
        assert orphan
        orphan.close()
    assert not log.exists()
    assert drained(spool)
    assert spool.depth().damaged_files == 1


def test_frames_of_an_earlier_round_are_none_of_this_one(tmp_path: Path) -> None:
    """SQLite begins anew at the start of the log, and lets lie what stands behind."""
    link = sqlite3.connect(tmp_path / "x", isolation_level=None)
    link.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
    for _ in range(20):
        link.execute("INSERT INTO t VALUES (randomblob(3000))")
    link.execute("PRAGMA wal_checkpoint(RESTART)")
    link.execute("INSERT INTO t VALUES (1)")
    ((_, frames, _),) = link.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    assert spool_log.committed(tmp_path / "x-wal") == frames < 5
    link.close()


def test_little_stands_in_a_log(spool: Spool, tmp_path: Path) -> None:
    for _ in range(300):
        spool.append(Batch(1, Lane.LIVE, 1, b"x" * 3000 + b"\n"))
    (log,) = tmp_path.glob("*-wal")
    assert log.stat().st_size < 400_000


# --- files that are no spools -----------------------------------------------------------------------------------


@pytest.mark.parametrize("log_too", [False, True])
def test_a_file_of_another_kind_is_kept_and_counted(
    spool: Spool, tmp_path: Path, log_too: bool, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1-empty.sqlite").touch()
    if log_too:
        (tmp_path / "1-empty.sqlite-wal").write_bytes(b"something")
    with sqlite3.connect(tmp_path / "1-foo.sqlite") as link:
        link.execute("CREATE TABLE foo (a)")
    link.close()
    before = telemetry.damaged._value.get()
    assert drained(spool) == []
    assert telemetry.damaged._value.get() - before == 2
    assert spool.depth().damaged_files == 2
    assert not list(tmp_path.glob("*.lock"))


def test_what_a_process_leaves_that_is_killed_while_it_makes_a_file_goes(
    spool: Spool, tmp_path: Path
) -> None:
    (tmp_path / "1-young.lock").touch()
    (tmp_path / "1-young.sqlite-new").touch()
    assert drained(spool) == []
    assert not list(tmp_path.iterdir())


def test_a_folder_where_a_file_could_be_is_left_alone(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "dir.sqlite").mkdir()
    assert drained(spool) == drained(spool) == []
    assert [path.name for path in tmp_path.iterdir()] == ["dir.sqlite"]
    assert len(caplog.records) == 1


def test_a_number_of_events_that_is_damaged_is_not_told(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.append(Batch(1, Lane.LIVE, 1, b"1\n"))
    (path,) = tmp_path.glob("*.sqlite")
    with sqlite3.connect(path) as link:
        link.execute("UPDATE entry SET events = -1, bytes = 9223372036854775807, batch = x'00'")
    link.close()
    drained(spool)
    assert [one.getMessage()[:35] for one in caplog.records] == ["some spooled events cannot be read "]
