"""The small disk of the campaign: full, it takes nothing more; freed, it has what it had."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.faults.disk import SmallDisk, needs_mount

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if reason := needs_mount():
        pytest.skip(reason)
    disk = SmallDisk(tmp_path / "disk", 8 * MIB)
    disk.mount()
    yield disk
    disk.unmount()


@pytest.mark.parametrize("before", [0, 3 * MIB])
def test_a_full_disk_takes_nothing_and_keeps_what_it_has(
    disk: SmallDisk, tmp_path: Path, before: int
) -> None:
    kept, more = tmp_path / "disk" / "kept", tmp_path / "disk" / "more"
    kept.write_bytes(b"x" * before)
    with disk.full(), pytest.raises(OSError) as error:
        more.write_bytes(b"x" * MIB)
    assert error.value.errno == errno.ENOSPC
    more.write_bytes(b"x" * MIB)
    assert kept.stat().st_size == before


def test_room_can_be_left(disk: SmallDisk, tmp_path: Path) -> None:
    with disk.full(leave=MIB):
        (tmp_path / "disk" / "small").write_bytes(b"x" * (MIB // 2))
        with pytest.raises(OSError):
            (tmp_path / "disk" / "large").write_bytes(b"x" * MIB)
