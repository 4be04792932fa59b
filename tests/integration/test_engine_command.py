"""`manage.py engine`: what it prints on whatever engine the tests run."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from config import engine, engine_report
from config.engine_report import capabilities
from config.lib import clock
from config.lib.engine import Level
from events.models import JobRun
from tests.support.pipeline import event, store_all
from tests.support.tenants import Tenant


def text(*arguments: str) -> str:
    out = io.StringIO()
    call_command("engine", *arguments, stdout=out)
    return out.getvalue()


def fact(printed: str, name: str) -> str:
    found = re.search(rf"^{name} +(.+)$", printed, re.MULTILINE)
    assert found, printed
    return found[1]


def test_it_prints_the_level_and_what_is_stored(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", clock.now() - timedelta(days=2))])
    printed = text()
    assert fact(printed, "level") == engine.level()
    assert int(fact(printed, "partitions")) >= 1
    assert fact(printed, "columnstore") == ("yes" if engine.store().can_compress else "no")


def test_it_prints_each_job_in_columns(acme: Tenant) -> None:
    now = clock.now()
    JobRun.objects.create(name="events.tasks.fold_outcomes", started_at=now, finished_at=now, ok=True, runs=3)
    lines = text().partition("JOB")[2].splitlines()
    assert re.search(r"^fold-outcomes +1:00:00 +\S+ \S+Z .* ok +3 +0 ", "\n".join(lines), re.MULTILINE)
    assert re.search(r"^prune-ledger +1:00:00 +- +- +never ran", "\n".join(lines), re.MULTILINE)


def test_as_json_it_has_the_same(acme: Tenant) -> None:
    said: dict[str, Any] = json.loads(text("--json"))
    assert said["recorded"]["level"] == engine.level()
    assert said["capabilities"].keys() == {"hypertable", "continuous aggregates", "columnstore"}
    assert said["stock"].keys() == {"partitions", "rows", "bytes", "compressed", "ratio"}
    (job,) = (job for job in said["jobs"] if job["name"] == "rebuild-sessions")
    assert (job["every"], job["state"]) == (2.0, "never ran")


def test_a_server_that_does_not_fit_is_told_and_ends_with_an_error(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        engine_report.engine, "mismatch", lambda cursor: ("The licence changed", "ask somebody")
    )
    out = io.StringIO()
    with pytest.raises(CommandError, match="The licence changed: ask somebody"):
        call_command("engine", stdout=out)
    assert fact(out.getvalue(), "level") == engine.level()


def test_an_empty_database_is_told(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_report.engine, "recorded", lambda cursor: None)
    out = io.StringIO()
    with pytest.raises(CommandError, match="migrate"):
        call_command("engine", stdout=out)
    assert fact(out.getvalue(), "level") == "not recorded"


def test_a_database_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> None:
        raise psycopg.OperationalError("connection refused\nreally")

    monkeypatch.setattr(engine_report, "connect", away)
    with pytest.raises(CommandError, match=r"does not answer: connection refused$"):
        call_command("engine", stdout=io.StringIO())


def test_each_level_can_do_what_the_one_before_can() -> None:
    found = [sum(capabilities(level).values()) for level in Level]
    assert found == [0, 1, 3]
