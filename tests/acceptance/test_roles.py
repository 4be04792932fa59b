"""The whole of Sluice with a role for the gateway and one for questions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import database_url
from tests.support.books import assert_exact
from tests.support.instance import RunningSluice, new_data_dir
from tests.support.tenants import remote_tenants

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def url(data_dir: Path, user: str) -> str:
    return database_url(data_dir).replace("postgres://sluice@", f"postgres://{user}@")


@pytest.fixture(scope="module")
def sluice() -> Iterator[RunningSluice]:
    data_dir = new_data_dir()
    env = {
        "GATEWAY_DATABASE_URL": url(data_dir, "sluice_gateway"),
        "READ_DATABASE_URL": url(data_dir, "sluice_read"),
    }
    try:
        with RunningSluice(data_dir=data_dir) as first:
            done = first.manage("roles", "--apply")
            assert done.stdout.strip() == "granted: sluice_gateway, sluice_read", done.stderr
        with RunningSluice(data_dir=data_dir, env=env) as running:
            yield running
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
        data_dir.with_name(data_dir.name + ".log").unlink(missing_ok=True)


def users(sluice: RunningSluice) -> dict[str, set[str]]:
    """Return who is connected, by the program's name."""
    with psycopg.connect(database_url(sluice.data_dir), autocommit=True) as link:
        rows = link.execute(
            "SELECT application_name, usename FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchall()
    found: dict[str, set[str]] = {}
    for name, user in rows:
        found.setdefault(name, set()).add(user)
    return found


def test_events_pass_through_and_are_found(sluice: RunningSluice) -> None:
    (acme,) = remote_tenants(sluice, "acme")
    assert acme.send([{"type": "page_view", "userId": f"u{number}"} for number in range(50)]).status == 202
    assert acme.send([{"type": "page_view"}, {"type": "page_view", "userId": "u1"}]).status == 202
    sluice.drain()
    assert acme.total("count", "24h") == 51
    assert acme.total("users", "24h") == 50
    assert len(acme.pages("/api/events", "events", range="24h")) == 51
    assert sluice.get("/metrics").status == 200
    assert_exact(sluice)


def test_each_part_is_connected_as_its_role(sluice: RunningSluice) -> None:
    assert sluice.send({"type": "a", "userId": "u"}).status == 202
    assert sluice.get("/api/metrics", metric="count", range="24h").status == 200
    connected = users(sluice)
    assert connected["sluice gateway"] == connected["sluice lookups"] == {"sluice_gateway"}
    assert "sluice_read" in connected.get("", set())
    assert connected["sluice processor"] == {"sluice"}


def test_nothing_was_refused(sluice: RunningSluice) -> None:
    assert "permission denied" not in sluice.log()
    assert "Traceback" not in sluice.log()
