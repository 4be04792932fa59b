"""A full disk below everything: PostgreSQL panics, its recovery fails, and all comes back when there is room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chaos.faults.disk import SmallDisk, needs_mount
from config.embedded import database_url
from tests.support.books import assert_exact
from tests.support.instance import RunningSluice
from tests.support.waiting import wait_until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if reason := needs_mount():
        pytest.skip(reason)
    tmp_path.chmod(0o711)
    disk = SmallDisk(tmp_path / "disk", 2 << 30)
    disk.mount()
    yield disk
    disk.unmount()


def test_nothing_acknowledged_is_lost_and_nobody_has_to_help(disk: SmallDisk, tmp_path: Path) -> None:
    with RunningSluice(data_dir=tmp_path / "disk") as sluice:
        answers = [sent(sluice) for _ in range(20)]
        assert set(answers) == {202}
        with disk.full():
            panic(sluice)
            # A few may still find room that was theirs before.
            answers += [sent(sluice) for _ in range(20)]
            assert set(answers) == {202, 503}
            wait_until(lambda: "again in" in sluice.log(), what="the end of a server that cannot recover")
        wait_until(sluice.is_ready, seconds=60, what="readiness")
        answers.append(sent(sluice))
        assert answers[-1] == 202
        sluice.drain()
        stored = len(sluice.get("/api/events", range="24h", limit=1000).json()["events"])
        # A 503 says that an event may have been stored.
        assert answers.count(202) <= stored <= len(answers)
        assert_exact(sluice)


def sent(sluice: RunningSluice) -> int:
    return sluice.send([{"type": "view", "userId": "me"}]).status


def panic(sluice: RunningSluice) -> None:
    """Have the server need new segments of its log until it finds no room for one."""
    with (
        pytest.raises(psycopg.OperationalError),
        psycopg.connect(database_url(sluice.data_dir), autocommit=True) as link,
    ):
        for _ in range(300):
            link.execute("SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
