"""What the spool holds is shown to operators, and needs no database to be told."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from config import exporter
from events.bus.spool import Spool
from events.contracts import Batch, Lane
from metrics.dashboards.flow import read_flow
from tests.support.tenants import Tenant


@pytest.fixture
def spool(pipeline: None, tmp_path: Path, settings: Settings) -> Spool:
    """The installation's spool, with three events and a damaged file."""
    settings.SPOOL_DIR = tmp_path
    spool = Spool(tmp_path, max_bytes=1 << 30, max_age=3600, deadline=1)
    spool.append(Batch(1, Lane.LIVE, 3, b"a\nb\nc\n"))
    (tmp_path / "1-old.sqlite.damaged").write_bytes(b"?")
    return spool


def figures() -> dict[str, float]:
    text = Client().get("/metrics").content.decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_prometheus_is_told(spool: Spool) -> None:
    found = figures()
    assert found["sluice_spool_events"] == 3
    assert found["sluice_spool_bytes"] > 0
    assert found["sluice_spool_damaged_files"] == 1
    assert found["sluice_database_up"] == 1
    assert found["sluice_missing_events"] == 0


def test_prometheus_is_told_while_the_database_is_away(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise psycopg.OperationalError("refused")

    monkeypatch.setattr(exporter, "balance", refuse)
    found = figures()
    assert found["sluice_database_up"] == 0
    assert found["sluice_spool_events"] == 3
    assert "sluice_bus_events" not in found


def test_readiness_has_a_line_for_it(spool: Spool) -> None:
    line = Client().get("/health/ready").json()["checks"]["spool"]
    assert line == "ok: 3 events wait, 1 damaged files were set aside"


def test_the_pipeline_page_says_so(spool: Spool, acme: Tenant) -> None:
    assert read_flow(project_id=acme.id).spooled == (
        "3 events wait on disk for the bus to come back; 1 damaged files of the spool were set aside"
    )


def test_the_pipeline_page_is_silent_where_nothing_waits(
    acme: Tenant, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path / "none"
    assert read_flow(project_id=acme.id).spooled == ""


def test_drain_waits_for_it(spool: Spool) -> None:
    with pytest.raises(CommandError, match="3 events in the spool"):
        call_command("drain", timeout=0.2)
    while spool.drain(lambda batches: [None] * len(batches), 1 << 20):
        pass
    call_command("drain", timeout=10)
