"""Importing an access log: through the bus, resumable, twice = once."""

from __future__ import annotations

import gzip
import io
from itertools import islice
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from config import engine
from events import importer
from events.models import ImportJob, Project
from events.reasons import Outcome, Reason, Stage
from tests.support.assertions import assert_balanced, assert_rollups_equal_raw, letters
from tests.support.pipeline import process_all, rows
from tests.support.planning import plan
from tests.support.tenants import Tenant

COMBINED = (
    '10.0.0.{n} - frank [17/May/2015:10:0{n}:03 +0200] "GET /page/{n}?q=a%20b HTTP/1.1" 200 2{n} '
    '"http://from.example/" "Agent \\"quoted\\" {n}"'
)


def log_of(*lines: str | bytes) -> bytes:
    return b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(log_of(*(COMBINED.format(n=n) for n in range(8))))
    return path


def import_log(path: Path, tenant: Tenant) -> str:
    out = io.StringIO()
    call_command("import_access_log", str(path), project=tenant.slug, stdout=out)
    return out.getvalue()


def test_every_line_becomes_an_event_with_its_parts(acme: Tenant, log: Path) -> None:
    import_log(log, acme)
    assert process_all() == {(acme.id, Outcome.STORED): 8}
    query = "SELECT ts::text, type, user_id, props FROM event ORDER BY ts LIMIT 1"
    ((ts, kind, user, props),) = rows(query)
    assert (ts, kind, user) == ("2015-05-17 08:00:03+00", "page_view", "10.0.0.0")
    for part in (
        '"method": "GET"',
        '"path": "/page/0?q=a%20b"',
        '"status": 200',
        '"bytes": 20',
        "from.example",
    ):
        assert part in props
    assert_rollups_equal_raw()


def test_importing_twice_stores_once(acme: Tenant, log: Path) -> None:
    for _ in range(2):
        import_log(log, acme)
    assert process_all() == {(acme.id, Outcome.STORED): 8, (acme.id, Outcome.DUPLICATE): 8}
    assert_balanced()


def test_the_same_content_gzipped_under_another_name_is_the_same_log(acme: Tenant, log: Path) -> None:
    packed = log.with_name("other.bin")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    import_log(log, acme)
    import_log(packed, acme)
    assert process_all()[acme.id, Outcome.STORED] == 8


def test_two_projects_import_the_same_log_each_for_itself(acme: Tenant, globex: Tenant, log: Path) -> None:
    for tenant in (acme, globex):
        import_log(log, tenant)
    assert process_all() == {(acme.id, Outcome.STORED): 8, (globex.id, Outcome.STORED): 8}


def test_a_stopped_import_goes_on_where_it_was(
    acme: Tenant, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "_BATCH_LINES", 3)
    sha256, _ = importer.measure(log)
    job = importer.start(project=Project.objects.get(pk=acme.id), path=log, sha256=sha256)
    next(islice(importer.run(job=job, path=log, bus=engine.bus()), 0, None))
    assert rows("SELECT sum(events) FROM inbox") == [(3,)]
    assert "5 events sent" in import_log(log, acme)
    assert process_all() == {(acme.id, Outcome.STORED): 8}
    assert ImportJob.objects.get().finished_at


def test_the_plan_is_read_once_in_some_seconds(
    acme: Tenant, log: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    asked = []
    monkeypatch.setattr(importer, "_BATCH_LINES", 3)
    monkeypatch.setattr(importer, "current_plan", lambda project: asked.append(project))
    import_log(log, acme)
    assert asked == [acme.id]
    settings.KEY_CACHE_SECONDS = -1
    import_log(log, acme)
    assert len(asked) == 1 + 3


def test_a_plan_that_changes_meanwhile_is_taken_and_else_stays_compiled(
    acme: Tenant, settings: Settings
) -> None:
    settings.KEY_CACHE_SECONDS = -1
    recent = importer.RecentPlan(acme.id)
    assert recent.now() is None
    plan(acme.id)
    first = recent.now()
    assert first and recent.now() is first
    plan(acme.id, "other")
    newer = recent.now()
    assert newer and newer.version == 2


def test_lines_that_are_no_log_become_dead_letters_with_their_bytes(acme: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "dirty.log"
    path.write_bytes(log_of(COMBINED.format(n=1), b"\x00\xff not a log line", "", COMBINED.format(n=2)))
    assert "2 events sent to project acme, 1 lines to its dead letters" in import_log(path, acme)
    assert process_all() == {(acme.id, Outcome.STORED): 2, (acme.id, Outcome.DEAD): 1}
    (letter,) = letters(acme.id)
    assert (letter.stage, letter.reason) == (Stage.IMPORT, Reason.UNPARSEABLE_LINE)
    assert bytes(letter.raw) == b"\x00\xff not a log line"
    assert_balanced()


@pytest.mark.parametrize(
    ("request_line", "status", "kind"),
    [
        ("GET /a.PNG?x=1 HTTP/1.1", 200, "asset"),
        ("GET /a.css HTTP/1.1", 404, "error"),
        ("GET /png HTTP/1.1", 304, "page_view"),
        ("-", 408, "error"),
        ("\\x16\\x03\\x01", 400, "error"),
    ],
)
def test_the_type_follows_from_status_and_path(
    acme: Tenant, tmp_path: Path, request_line: str, status: int, kind: str
) -> None:
    path = tmp_path / "one.log"
    path.write_bytes(log_of(f'1.2.3.4 - - [17/May/2015:10:00:03 +0000] "{request_line}" {status} -'))
    import_log(path, acme)
    process_all()
    assert rows("SELECT type, (props ->> 'bytes')::int FROM event") == [(kind, 0)]


def test_a_file_that_is_not_there_or_cut_short_says_so(acme: Tenant, tmp_path: Path, log: Path) -> None:
    with pytest.raises(CommandError, match="is not a file"):
        import_log(tmp_path / "missing.log", acme)
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(log.read_bytes())[:-20])
    with pytest.raises(CommandError, match=r"cut\.gz"):
        import_log(cut, acme)


def test_an_unknown_project_is_refused(acme: Tenant, log: Path) -> None:
    with pytest.raises(CommandError, match="no project"):
        call_command("import_access_log", str(log), project="nobody")
