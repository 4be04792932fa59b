"""A real log, imported through a running Sluice: every answer equals a recomputation from the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.oracle_log import Oracle
from tests.support.books import assert_exact
from tests.support.instance import ROOT, RunningSluice
from tests.support.tenants import RemoteTenant, remote_tenants

LOG = Path(os.environ.get("SLUICE_DATA") or ROOT.parent / "shared" / "data" / "access_log_2015-05.gz")
SPAN = "2015-05-17/2015-05-21"

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        not LOG.is_file(), reason=f"the log is not part of the repository: no {LOG} (SLUICE_DATA)"
    ),
]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(LOG)


@pytest.fixture(scope="module")
def imported(sluice: RunningSluice) -> RemoteTenant:
    """The project that the log was imported into, beside one that holds nothing of it."""
    tenant, other = remote_tenants(sluice, "acme", "globex")
    other.send([{"type": "page_view", "userId": "66.249.73.135"}] * 3)
    import_log(sluice, tenant)
    return tenant


def import_log(sluice: RunningSluice, tenant: RemoteTenant) -> None:
    done = sluice.manage("import_access_log", str(LOG), "--project", tenant.slug)
    assert "10000 events sent" in done.stdout, done.stdout + done.stderr
    sluice.drain()


def filled(series: dict[str, Any]) -> dict[str, int]:
    """Return a series' buckets that are not empty."""
    return {start: value for start, value in series["points"] if value}


def ask(tenant: RemoteTenant, **query: Any) -> list[dict[str, Any]]:
    return list(tenant.get("/api/metrics", range=SPAN, **query)["series"])


def test_every_line_is_stored(imported: RemoteTenant, oracle: Oracle) -> None:
    assert len(oracle.requests) == 10_000
    assert imported.total("count", SPAN) == 10_000
    assert imported.total("count", "1970-01-01/1980-01-01") == 0


def test_counts_by_type_and_hour_equal_the_files(imported: RemoteTenant, oracle: Oracle) -> None:
    found = {
        one["group"]["type"]: filled(one) for one in ask(imported, metric="count", groupBy="type", step="1h")
    }
    assert found == oracle.counts_by_type_and_hour


@pytest.mark.parametrize(("step", "bucket"), [("1d", "day"), ("1h", "hour")])
def test_unique_users_equal_the_files(imported: RemoteTenant, oracle: Oracle, step: str, bucket: str) -> None:
    (series,) = ask(imported, metric="users", step=step)
    assert filled(series) == oracle.users_by(bucket)
    assert series["total"] == len({request.user for request in oracle.requests})


def test_bytes_equal_the_files(imported: RemoteTenant, oracle: Oracle) -> None:
    assert imported.total("sum:props.bytes", SPAN) == sum(request.bytes for request in oracle.requests)


def test_sessions_equal_the_files(imported: RemoteTenant, oracle: Oracle) -> None:
    pages = imported.pages("/api/sessions", "sessions", range=SPAN, limit=700)
    found = [(one["userId"], one["start"], one["end"], one["events"]) for one in pages]
    assert len(found) == len(oracle.sessions)
    assert set(found) == oracle.sessions


def test_sessions_by_day_equal_the_files(imported: RemoteTenant, oracle: Oracle) -> None:
    (series,) = ask(imported, metric="sessions", step="1d")
    assert filled(series) == oracle.sessions_by_day


def test_importing_again_adds_nothing(sluice: RunningSluice, imported: RemoteTenant, oracle: Oracle) -> None:
    import_log(sluice, imported)
    later = {"range": "2015-05-17/2015-05-22"}
    assert imported.get("/api/metrics", metric="count", **later)["series"][0]["total"] == 10_000
    assert imported.get("/api/metrics", metric="sessions", **later)["series"][0]["total"] == len(
        oracle.sessions
    )
    assert_exact(sluice)
