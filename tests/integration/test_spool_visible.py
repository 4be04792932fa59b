"""What the spool holds is shown to operators, and needs no database to be told."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DataError
from django.test import Client
from pytest_django import Settings

from config import exporter, health
from config.engine import ingest_bus
from config.lib.postgres import connect
from events.bus.base import BusUnavailable
from events.bus.spool import Spool
from events.contracts import Batch, Lane
from metrics.dashboards import running
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
    assert found["sluice_spool_bytes"] == spool.depth().disk_bytes > spool.depth().bytes
    assert found["sluice_spool_max_bytes"] > 0
    assert found["sluice_spool_damaged_files"] == 1
    assert found["sluice_database_up"] == 1
    assert found["sluice_missing_events"] == 0


def test_prometheus_is_told_while_the_database_is_away(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise psycopg.OperationalError("refused")

    monkeypatch.setattr(exporter, "bounded_cursor", refuse)
    found = figures()
    assert found["sluice_database_up"] == 0
    assert found["sluice_spool_events"] == 3
    assert "sluice_bus_events" not in found


@pytest.mark.parametrize("error", [BusUnavailable(), DataError("no"), psycopg.errors.UndefinedTable("gone")])
def test_a_figure_that_cannot_be_told_takes_no_other_with_it(
    spool: Spool, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> NoReturn:
        raise error

    monkeypatch.setattr(exporter, "bus_depth", refuse)
    found = figures()
    assert found["sluice_database_up"] == 1
    assert "sluice_bus_events" not in found
    assert found["sluice_missing_events"] == 0
    assert found["sluice_dead_letters"] == 0


def test_readiness_has_a_line_for_it(spool: Spool) -> None:
    line = Client().get("/health/ready").json()["checks"]["spool"]
    assert line == "ok: 3 events wait, 1 damaged files were set aside"


@pytest.mark.parametrize("trouble", ["full: SPOOL_MAX_BYTES is 5", "unusable: No space left on device"])
def test_readiness_says_that_it_refuses(spool: Spool, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_bus()._spool._bounds, "trouble", trouble)
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["spool"] == trouble


def test_the_pipeline_page_says_so(spool: Spool, acme: Tenant) -> None:
    assert read_flow(project_id=acme.id).spooled == (
        "3 events wait on disk for the bus to come back; 1 damaged files of the spool were set aside"
    )


def test_the_pipeline_page_says_how_much_and_how_old_it_is(spool: Spool) -> None:
    assert re.fullmatch(r"3 events, \d+ bytes, .+ old; 1 damaged files", running._spool())


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


def test_drain_does_not_take_a_file_that_it_cannot_look_into_for_an_empty_one(
    pipeline: None, tmp_path: Path, settings: Settings
) -> None:
    settings.SPOOL_DIR = tmp_path
    (tmp_path / "1-odd.sqlite").write_bytes(b"no database, but maybe it was" * 100)
    with pytest.raises(CommandError, match="1 files of the spool that cannot be looked into"):
        call_command("drain", timeout=0.2)


def test_readiness_says_in_time_that_migrations_cannot_be_looked_up(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_known_migrated", False)
    with connect(name="blocker", deadline=30) as blocker:
        blocker.execute("LOCK TABLE django_migrations")
        started = time.monotonic()
        answer = Client().get("/health/ready")
        assert time.monotonic() - started < 1
        blocker.rollback()
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "unreachable")
    assert Client().get("/health/ready").json()["checks"]["migrations"] == "ok"
