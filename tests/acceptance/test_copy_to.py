"""From trying to production: a running Sluice is copied, stopped, copied again, and goes on from the other database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from config.embedded import database_url
from config.embedded_binaries import Binaries
from tests.acceptance.test_real_log import LOG, SPAN
from tests.contract.engines import BIN, URL
from tests.support.books import assert_exact
from tests.support.database import TestServer
from tests.support.instance import ROOT, RunningSluice, new_data_dir
from tests.support.tenants import RemoteTenant, remote_tenants
from tests.support.waiting import wait_until

pytestmark = pytest.mark.acceptance
NO_TIMESCALEDB = "no TimescaleDB: neither TEST_TIMESCALE_BIN nor TEST_TIMESCALE_URL names a server"
TARGETS = [
    "postgres",
    pytest.param("timescaledb", marks=pytest.mark.skipif(not (BIN or URL), reason=NO_TIMESCALEDB)),
]
QUESTIONS = (
    {"metric": "count", "groupBy": "type", "step": "1h"},
    {"metric": "users", "step": "1d"},
    {"metric": "sessions", "step": "1d"},
    {"metric": "sum:props.bytes"},
    {"metric": "avg:props.value", "step": "1d"},
)


@pytest.fixture
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a database on a server of the kind that is asked for."""
    if request.param == "timescaledb" and not BIN:
        yield URL
        return
    folder = new_data_dir()
    server = TestServer(folder, binaries=Binaries(BIN if request.param == "timescaledb" else ""))
    server.start()
    yield database_url(folder, "postgres")
    server.stop(remove=True)


@pytest.fixture
def target_url(server_url: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    name = f"copy_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        path, question, options = server_url.partition("?")
        yield f"{path.rpartition('/')[0]}/{name}{question}{options}"
        link.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a data folder that outlives the first Sluice."""
    folder = new_data_dir()
    yield folder
    shutil.rmtree(folder)
    folder.with_name(folder.name + ".log").unlink(missing_ok=True)


def events(number: int, *, start: int = 0) -> list[dict[str, Any]]:
    """Return events of some days, users and types; the same number gives the same id."""
    now = datetime.now(UTC).replace(microsecond=0)
    return [
        {
            "eventId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"event {one}")),
            "ts": (now - timedelta(minutes=7 * (one % 1000) + 1)).isoformat(),
            "type": ("view", "order", "größer")[one % 3],
            "userId": f"u{one % 17}",
            "props": {"bytes": one, "value": one / 4, "text": "\\N\t'\u2028"},
        }
        for one in range(start, start + number)
    ]


def answers(tenant: RemoteTenant, span: str) -> list[Any]:
    """Return what the API says of a range."""
    found = [tenant.get("/api/metrics", range=span, **question)["series"] for question in QUESTIONS]
    return [
        *found,
        *(tenant.pages(f"/api/{name}", name, range=span, limit=700) for name in ("sessions", "events")),
    ]


@pytest.mark.parametrize("server_url", TARGETS, indirect=True)
def test_an_installation_moves_and_answers_as_before(data_dir: Path, target_url: str) -> None:
    span = (
        f"{datetime.now(UTC) - timedelta(days=7):%Y-%m-%d}/{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    )
    with RunningSluice(env={"PROCESSORS": "2"}, data_dir=data_dir) as first:
        tenant, logs = remote_tenants(first, "acme", "logs")
        assert tenant.send(events(900)).status == 202
        first.drain()
        while_running = first.manage("copy_to", target_url)
        assert (while_running.returncode, "stop Sluice" in while_running.stdout) == (0, True), while_running
        assert tenant.send(events(900, start=500)).status == 202
        if LOG.is_file():
            done = first.manage("import_access_log", str(LOG), "--project", logs.slug)
            assert "10000 events sent" in done.stdout, done.stderr
        first.drain(timeout=120)
        before = answers(tenant, span), answers(logs, SPAN)
    assert before[0][0][0]["total"] + before[0][0][1]["total"] + before[0][0][2]["total"] == 1400

    copy_and_kill(data_dir, target_url)
    moved = manage(data_dir, "copy_to", target_url)
    assert (moved.returncode, "Everything is copied and verified" in moved.stdout) == (0, True), moved

    with RunningSluice(env={"DATABASE_URL": target_url}, data_dir=data_dir) as second:
        there, logs = replace(tenant, sluice=second), replace(logs, sluice=second)
        assert (answers(there, span), answers(logs, SPAN)) == before
        assert_exact(second)
        assert there.send(events(100, start=1350)).status == 202
        second.drain()
        assert there.total("count", span) == 1450
        assert_exact(second)
    again = manage(data_dir, "copy_to", target_url)
    assert (again.returncode, "was used since it was copied" in again.stderr) == (1, True), again


def copy_and_kill(data_dir: Path, target_url: str) -> None:
    """Start a copy and kill -9 it when it has copied the ledger, and is about to write events."""
    with psycopg.connect(target_url, application_name="test") as link:
        link.execute("LOCK TABLE event IN SHARE MODE")
        copying = subprocess.Popen(
            [sys.executable, "manage.py", "copy_to", target_url], cwd=ROOT, env=environment(data_dir),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        query = "SELECT FROM pg_locks WHERE relation = 'event'::regclass AND NOT granted"
        try:
            wait_until(lambda: link.execute(query).fetchall(), seconds=60, what="the copy of events")
        finally:
            copying.send_signal(signal.SIGKILL)
        assert copying.wait(10) == -signal.SIGKILL


def manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where nothing runs."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment(data_dir), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def environment(data_dir: Path) -> dict[str, str]:
    """Return the environment of a Sluice with its embedded database."""
    return {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "DATA_DIR": str(data_dir)
    }
