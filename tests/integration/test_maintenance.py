"""Housekeeping: partitions ahead, retention, the ledger's window, the length of the counters."""

from __future__ import annotations

from datetime import date, timedelta

from pytest_django import Settings

from config import engine
from config.lib import clock
from config.lib.engine import Level
from events import maintenance
from events.selectors import balance, partitions
from events.tasks import apply_retention
from tests.support.assertions import assert_balanced, letters
from tests.support.pipeline import append, event, process_all, rows, store_all
from tests.support.tenants import Tenant


def test_partitions_are_made_ahead(pipeline: None, settings: Settings) -> None:
    settings.PARTITIONS_AHEAD_DAYS = 3
    before = days_in_store()
    maintenance.keep_partitions_ahead(store=engine.store())
    today = clock.now().date()
    wanted = {today + timedelta(days=offset) for offset in (-1, 0, 1, 2, 3)}
    # A hypertable's chunks are made by the insert.
    assert days_in_store() == before | (wanted if engine.level() is Level.POSTGRES else set())


def days_in_store() -> set[date]:
    return {stored.partition.day for stored in partitions(project_id=1)}


def test_retention_drops_old_days_and_keeps_rollups_and_sessions(acme: Tenant, settings: Settings) -> None:
    now = clock.now()
    store_all(acme.id, [event("old", now - timedelta(days=5)), event("new", now)])
    settings.RETENTION_DAYS = 3
    dropped = apply_retention()
    assert str((now - timedelta(days=5)).date()) in dropped
    assert rows("SELECT user_id FROM event") == [("new",)]
    assert rows("SELECT sum(count)::int FROM rollup_events_1d") == [(2,)]
    assert len(rows("SELECT 1 FROM session")) == 2


def test_no_retention_keeps_everything(acme: Tenant, settings: Settings) -> None:
    store_all(acme.id, [event("old", clock.now() - timedelta(days=5))])
    settings.RETENTION_DAYS = 0
    assert apply_retention() == []
    assert rows("SELECT user_id FROM event") == [("old",)]


def test_a_late_event_of_a_dropped_day_is_stored_and_not_blamed(acme: Tenant) -> None:
    moment = clock.now() - timedelta(days=5)
    append(acme.id, [event("first", moment)])
    consumer, pipeline = engine.processor()
    pipeline.run(consumer.claim(1000))
    maintenance.apply_retention(store=engine.STORES[engine.level()](), rollups=engine.rollups(), days=3)
    append(acme.id, [event("late", moment)])
    pipeline.run(consumer.claim(1000))
    consumer.close()
    pipeline.close()
    assert not letters(acme.id)
    assert rows("SELECT user_id FROM event") == [("late",)]


def test_the_ledger_forgets_ids_older_than_the_window(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", id="old"), event("u1", id="new")])
    rows(
        "UPDATE event_key SET seen_at = now() - interval '31 days' WHERE event_id = ("
        "SELECT min(event_id::text)::uuid FROM event_key) RETURNING 1"
    )
    assert maintenance.prune_ledger(days=30) == 1
    assert rows("SELECT count(*) FROM event_key") == [(1,)]


def test_within_the_window_no_id_is_forgotten(acme: Tenant) -> None:
    append(acme.id, [event("u1", clock.now() - timedelta(days=400), id="history")])
    process_all()
    assert maintenance.prune_ledger(days=30) == 0


def test_folding_shortens_the_counters_and_keeps_the_books(acme: Tenant) -> None:
    fresh = "minute > now() - interval '1 day'"
    for user, age in (("u1", "40 days"), ("u2", "41 days")):
        store_all(acme.id, [event(user, id=user), event(user, id=user)])
        rows(f"UPDATE outcome_count SET minute = minute - %s::interval WHERE {fresh} RETURNING 1", age)
    before = balance().outcomes
    assert maintenance.fold_outcomes(days=30) > 0
    assert maintenance.fold_outcomes(days=30) == 0
    assert balance().outcomes == before == {"stored": 2, "duplicate": 2}
    assert len(rows("SELECT 1 FROM outcome_count")) == 2
    assert_balanced()
