"""What goes on at the same time: compressing, dropping, rebuilding and policies beside claims."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import psycopg
import pytest

from config.lib import clock
from config.lib.postgres import connect
from events import maintenance
from tests.contract.driver import Engine
from tests.contract.moments import DAY, END, START, at
from tests.support.pipeline import catch_up
from tests.support.waiting import wait_until

SUMS = """
    SELECT (SELECT sum(count)::int FROM rollup_events_1m), (SELECT sum(count)::int FROM rollup_events_1h),
           (SELECT sum(count)::int FROM rollup_events_1d), (SELECT count(*) FROM rollup_users_1d)
"""
POLICIES = (
    "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_refresh_continuous_aggregate'"
)


def drop_before(engine: Engine, day: date) -> list[date]:
    return maintenance.drop_before(store=engine.store, rollups=engine.rollups, day=day)


def test_a_day_that_is_being_compressed_holds_up_no_other(engine: Engine) -> None:
    if not engine.store.can_compress:
        pytest.skip(f"{engine.level}: nothing is compressed")
    engine.write(at(1), at(1, day=1))
    with connect(name="compressing") as busy:
        engine.store.compress(busy, DAY)
        engine.link.execute("SET lock_timeout = '1s'")
        engine.write(at(2, day=1), late=False)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            engine.write(at(2), late=False)
        busy.rollback()
    engine.link.execute("RESET lock_timeout")
    engine.write(at(2))
    assert engine.ask(SUMS)[0][0] == 4


def test_policies_leave_the_rollups_of_dropped_days_alone(engine: Engine) -> None:
    now = clock.now()
    engine.write(now - timedelta(days=2), now - timedelta(days=1))
    before = engine.ask(SUMS)
    drop_before(engine, now.date())
    run_policies(engine)
    catch_up()
    assert engine.ask(SUMS) == before


def test_days_that_a_policy_still_reaches_are_not_dropped(engine: Engine) -> None:
    if not engine.rollups.can_lag:
        pytest.skip(f"{engine.level}: no policies")
    yesterday = clock.now() - timedelta(days=1)
    engine.write(yesterday)
    engine.link.execute("UPDATE rollup_refresh SET policy_window = '9 days'")
    try:
        with pytest.raises(maintenance.NotSettled):
            drop_before(engine, clock.now().date())
    finally:
        engine.rollups.configure(engine.link.cursor())
    assert engine.ask("SELECT count(*) FROM event") == [(1,)]


def run_policies(engine: Engine) -> None:
    """Run every refresh policy once, as its schedule would."""
    if engine.rollups.can_lag:
        for (job,) in engine.ask(POLICIES):
            engine.link.execute("CALL run_job(%s)", [job])


def test_a_rebuild_of_days_that_were_dropped_meanwhile_changes_nothing(engine: Engine) -> None:
    engine.write(at(1), at(2), at(1, day=1))
    before = engine.ask(SUMS)
    drop_before(engine, DAY + timedelta(days=1))
    engine.rollups.rebuild(engine.link, START, END)
    assert engine.ask(SUMS) == before


def test_a_drop_waits_for_a_rebuild_at_work(engine: Engine) -> None:
    engine.write(at(1), at(1, day=1))
    before = engine.ask(SUMS)
    dropping = threading.Thread(target=drop_before, args=(engine, DAY + timedelta(days=1)))
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE %s"
    )
    with connect(name="rebuilding") as busy:
        busy.execute("SELECT sealed_before FROM rollup_bounds FOR SHARE")
        busy.execute("SELECT pg_advisory_xact_lock_shared(7304, 2)")
        dropping.start()
        wait_until(lambda: engine.ask(waits, "sluice retention") == [(1,)], what="the drop's waiting")
        assert engine.ask("SELECT count(*) FROM event") == [(2,)]
        busy.rollback()
    dropping.join(timeout=20)
    assert engine.ask("SELECT count(*) FROM event") == [(1,)]
    assert engine.ask(SUMS) == before


def test_settings_that_did_not_change_leave_the_policies_alone(engine: Engine) -> None:
    if not engine.rollups.can_lag:
        pytest.skip(f"{engine.level}: no policies")
    before = sorted(engine.ask(POLICIES))
    for _ in range(2):
        with engine.link.transaction():
            engine.rollups.configure(engine.link.cursor())
            engine.store.configure(engine.link.cursor())
    assert sorted(engine.ask(POLICIES)) == before
    assert before


def test_what_is_dropped_while_partitions_are_listed_is_not_listed(engine: Engine) -> None:
    engine.write(at(1), at(1) + timedelta(days=3))
    with connect(name="pages") as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # The catalogue as it is now is what the transaction will see of it.
        reader.execute("SELECT count(*) FROM project")
        with engine.link.transaction():
            engine.store.drop_before(engine.link.cursor(), DAY + timedelta(days=1))
        found = engine.store.partitions(reader.cursor())
    assert all(one.bytes is not None for one in found)
    assert DAY not in [one.day for one in found]
