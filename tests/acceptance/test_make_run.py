"""`make run`: from nothing to a pipeline that answers, survives kill -9 of any part, and stops cleanly."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instance import ROOT, RunningSluice, free_port, new_data_dir
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.xdist_group("make-run")]


@pytest.fixture(scope="module")
def sluice() -> Iterator[RunningSluice]:
    with RunningSluice() as running:
        yield running


def count(sluice: RunningSluice) -> int:
    return int(sluice.get("/api/metrics", metric="count", range="24h").json()["series"][0]["total"])


def run_up(**env: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py up` where it must refuse to start."""
    return subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=os.environ | env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def assert_takes_events(sluice: RunningSluice) -> None:
    """A 503 means "not stored, try again": a connection of before a crash is noticed by its next use."""
    event = {"type": "still here", "userId": "me", "eventId": secrets.token_hex(8)}
    wait_until(lambda: sluice.send(event).status == 202, seconds=10, what="an accepted event")


def test_the_first_run_writes_private_keys(sluice: RunningSluice) -> None:
    path = sluice.data_dir / "dev-keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(sluice.keys) == {"project", "write_key", "read_key", "admin_user", "admin_password"}
    assert sluice.keys["project"] == "default"


def test_the_printed_curl_line_works(sluice: RunningSluice) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    line = wait_until(
        lambda: next((line for line in sluice.log().splitlines() if line.startswith("curl ")), ""),
        what="the welcome",
    )
    before = count(sluice)
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=20, check=True)
    assert '"accepted":1' in done.stdout.replace(" ", "")
    sluice.drain()
    wait_until(lambda: count(sluice) == before + 1, what="the event in the metrics")


@pytest.mark.parametrize("part", ["web", "processor.1", "worker", "beat", "postgres"])
def test_a_killed_part_comes_back(sluice: RunningSluice, part: str) -> None:
    pid = sluice.kill(part)
    sluice.wait_replaced(part, pid)
    wait_until(sluice.is_ready, seconds=60, what="readiness")
    assert_takes_events(sluice)


def test_a_killed_web_worker_is_replaced_while_the_other_answers(sluice: RunningSluice) -> None:
    pid = sluice.kill_web_worker()
    wait_until(
        lambda: len(sluice.pids("web")) == 3 and pid not in sluice.pids("web"), what="a new web worker"
    )
    assert_takes_events(sluice)


def test_a_second_one_in_the_same_folder_is_refused(sluice: RunningSluice) -> None:
    done = run_up(DATA_DIR=str(sluice.data_dir), PORT=str(free_port()))
    assert_refused(done, "already running", str(sluice.data_dir))


def test_a_stop_and_a_kill_lose_nothing_and_keys_stay() -> None:
    data_dir = new_data_dir()
    sluice = RunningSluice(data_dir=data_dir)
    try:
        sluice.start()
        keys = sluice.keys
        wait_until(lambda: keys["admin_password"] in sluice.log(), what="the welcome")
        assert sluice.send([{"type": "a", "userId": "1"}, {"type": "a", "userId": "2"}]).status == 202
        assert sluice.stop() == 0

        sluice.start()
        assert sluice.keys == keys
        assert sluice.send({"type": "b", "userId": "1"}).status == 202
        sluice.kill_supervisor()

        sluice.start()
        assert sluice.send({"type": "c", "userId": "1"}).status == 202
        sluice.kill_everything()

        sluice.start()
        sluice.drain()
        assert count(sluice) == 4
        assert sluice.log().count(keys["admin_password"]) == 1
        sluice.stop()
    finally:
        sluice.kill_everything()
        shutil.rmtree(data_dir, ignore_errors=True)
        sluice.log_file.unlink(missing_ok=True)


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_up(DATA_DIR=str(tmp_path / "data"), PORT=str(port))
    assert_refused(done, str(port), "set PORT")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_up(DATA_DIR=str(tmp_path / "file" / "data"), PORT=str(free_port()))
    assert_refused(done, "DATA_DIR", "cannot be used")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:secret@h/db", ["DATABASE_URL"]),
        ("postgres://sluice:secret@/absent?host={socket}", ["cannot be reached", "absent"]),
    ],
)
def test_a_wrong_database_url_is_one_clear_line(
    sluice: RunningSluice, tmp_path: Path, url: str, words: list[str]
) -> None:
    wrong = url.format(socket=sluice.data_dir / "run")
    done = run_up(DATA_DIR=str(tmp_path / "data"), PORT=str(free_port()), DATABASE_URL=wrong)
    assert_refused(done, *words)
    assert "secret" not in done.stdout + done.stderr


def test_two_can_start_at_once_on_one_database(sluice: RunningSluice) -> None:
    shared = {"DATABASE_URL": f"postgres://sluice@/second?host={sluice.data_dir / 'run'}"}
    sluice.create_database("second")
    with RunningSluice(env=shared) as one, RunningSluice(env=shared) as two:
        assert one.send({"type": "a", "userId": "1"}).status == 202
        assert two.send({"type": "a", "userId": "1"}).status == 202
        one.drain()
        assert count(one) == count(two) == 2
