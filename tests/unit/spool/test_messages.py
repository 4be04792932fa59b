"""The spool on disk: what operators and clients are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.bus.base import BusUnavailable
from events.bus.spool import Spool
from events.bus.spool_depth import bytes_on_disk
from events.contracts import Batch, Lane
from tests.support.spooled import Sink, drain_all, line, new_spool


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
