"""Rollups equal the raw events after every commit; a damaged range is found and mended."""

from __future__ import annotations

import io
import threading
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import engine
from config.lib.postgres import connect
from events.processor.worker import Worker
from tests.contract.damage import damage
from tests.support.assertions import assert_no_rollup_beyond_raw, assert_rollups_equal_raw
from tests.support.pipeline import NOON, append, event, new_project, process_all, processor, rows, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

DAY = NOON.date()
Sent = tuple[str, datetime, str, str, object]
sent = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "çid", "d\\t"]),
        st.integers(-2000, 2000).map(lambda minutes: NOON + timedelta(minutes=minutes, milliseconds=minutes)),
        st.sampled_from(["page_view", "order", "a\tb"]),
        st.integers(0, 30).map(lambda n: f"id-{n}"),
        st.sampled_from([None, 7, -3, 0.1, 1e300, 2**53 + 1, "7", True]),
    ),
    max_size=60,
)


@given(batches=st.lists(sent, min_size=1, max_size=4), size=st.integers(5, 30))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rollups_equal_raw_events_after_any_batches(
    pipeline: None, batches: list[list[Sent]], size: int
) -> None:
    project = new_project()
    with processor() as running:
        for batch in batches:
            append(
                project, [event(u, ts, type=kind, id=id, value=v) for u, ts, kind, id, v in batch], size=size
            )
            process_all(running)
    assert_rollups_equal_raw(DAY - timedelta(days=2), DAY + timedelta(days=2))
    ids = {id for batch in batches for *_, id, _ in batch}
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", project) == [(len(ids),)]
    assert_no_rollup_beyond_raw(project)


def damage_rollups() -> None:
    with connect(name="test damage", autocommit=True) as link:
        for statement in (
            "UPDATE {rollup_events_1h} SET count = count + 7",
            "DELETE FROM {rollup_events_1m}",
            "UPDATE {rollup_users_1d} SET user_id = 'ghost'",
            "UPDATE {rollup_values_1d} SET max = max + 1",
        ):
            assert damage(link, statement)


def check_rollups(*arguments: str) -> str:
    out = io.StringIO()
    call_command("check_rollups", *arguments, stdout=out)
    return out.getvalue()


def test_check_rollups_is_content_with_what_the_processor_wrote(acme: Tenant) -> None:
    store_all(acme.id, [event("u1"), event("u2", NOON + timedelta(days=1))])
    assert "rollups equal the raw events" in check_rollups()


def test_check_rollups_names_what_differs_and_fails(acme: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    store_all(acme.id, [event("u1", value=2)])
    damage_rollups()
    with pytest.raises(SystemExit, match="5 buckets differ"):
        call_command("check_rollups")
    said = capsys.readouterr().out
    assert "rollup_events_1h project" in said
    assert "'page_view': rollup 1 2 2 3, raw 1 2 2 2" in said


def test_rebuild_rollups_mends_a_damaged_range_and_only_that(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", value=1), event("u2", NOON + timedelta(days=1), value=1)])
    damage_rollups()
    call_command("rebuild_rollups", "--from", str(DAY), "--to", str(DAY), verbosity=0)
    check_rollups("--from", str(DAY), "--to", str(DAY))
    with pytest.raises(SystemExit):
        call_command("check_rollups", stdout=io.StringIO())


def test_events_that_arrive_during_a_rebuild_are_counted_once(acme: Tenant) -> None:
    append(acme.id, [event(f"u{i}", NOON + timedelta(seconds=i)) for i in range(400)], size=5)
    worker = Worker(engine.processor)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        while rows("SELECT 1 FROM inbox LIMIT 1"):
            call_command("rebuild_rollups", "--from", str(DAY), "--to", str(DAY), verbosity=0)
        wait_until(lambda: len(rows("SELECT 1 FROM event")) == 400, what="all events")
    finally:
        worker.stop()
        thread.join()
    assert_rollups_equal_raw()
    assert_no_rollup_beyond_raw(acme.id)


def test_users_are_kept_by_hour_and_day(acme: Tenant, globex: Tenant) -> None:
    hours = [NOON, NOON + timedelta(minutes=59), NOON + timedelta(hours=1), NOON + timedelta(days=1)]
    store_all(acme.id, [event("u1", ts) for ts in hours] + [event("u2")])
    store_all(globex.id, [event("u3")])
    by_hour = "SELECT bucket, count(*) FROM rollup_users_1h WHERE project_id = %s GROUP BY 1 ORDER BY 1"
    assert rows(by_hour, acme.id) == [(hours[0], 2), (hours[2], 1), (hours[3], 1)]
    by_day = "SELECT count(*) FROM rollup_users_1d WHERE project_id = %s GROUP BY bucket ORDER BY bucket"
    assert rows(by_day, acme.id) == [(2,), (1,)]
