"""The spool on disk: files of dead processes are adopted, those of living ones are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from events.bus import spool_names
from events.bus.spool import Spool
from events.bus.spool_file import SpoolFile
from events.bus.spool_names import hold
from tests.support.spooled import ROOT, Sink, drain_all, line, names, new_spool, run_child, the_file


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
