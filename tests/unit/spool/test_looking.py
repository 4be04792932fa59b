"""The spool on disk, seen from outside."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from events.bus.spool import Spool
from events.bus.spool_depth import read_depth
from tests.support.spooled import line, new_spool


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
