"""History, as imports bring it: many events of days long past. Where the engine can, they become columns at once."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from config.lib import clock
from tests.contract.driver import Engine
from tests.contract.moments import DAY, END, START, at
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.pipeline import event, new_project, store_all

DAYS, EVENTS = 3, 3000


def history(seed: int) -> list[dict[str, Any]]:
    """Return events of three days in no order, some of them twice."""
    chance = random.Random(seed)
    made = [
        event(
            f"u{chance.randrange(40)}",
            START + timedelta(seconds=chance.randrange(DAYS * 86_400)),
            type=chance.choice(["view", "buy", "leave"]),
            id=f"{seed}-{number}",
            value=chance.randrange(100),
        )
        for number in range(EVENTS)
    ]
    return [*made, *made[:200]]


def stored_columns(engine: Engine) -> set[bool]:
    engine.link.execute("ANALYZE event")
    return {
        one.compressed for one in engine.store.partitions(engine.link.cursor()) if one.rows or one.compressed
    }


@pytest.fixture
def imported(engine: Engine) -> tuple[Engine, int]:
    """Give an engine with two imports whose times interleave."""
    project = new_project()
    for seed in (1, 2):
        outcomes = store_all(project, history(seed), size=2000)
        assert {str(outcome): count for (_, outcome), count in outcomes.items()} == {
            "stored": EVENTS,
            "duplicate": 200,
        }
    return engine, project


def test_every_event_of_it_is_there_once_as_it_was_sent(imported: tuple[Engine, int]) -> None:
    engine, project = imported
    sent = {
        (one["userId"], datetime.fromisoformat(one["ts"]), one["type"], one["props"]["value"])
        for one in [*history(1), *history(2)]
    }
    found = engine.ask(
        "SELECT user_id, ts, type, (props ->> 'value')::int FROM event WHERE project_id = %s", project
    )
    assert len(found) == 2 * EVENTS
    assert set(found) == sent


def test_it_lies_in_columns_at_once_where_the_engine_has_them(imported: tuple[Engine, int]) -> None:
    engine, _ = imported
    assert stored_columns(engine) == {engine.store.can_compress}


def test_it_is_read_in_order(imported: tuple[Engine, int]) -> None:
    engine, project = imported
    query = (
        "SELECT ts FROM event WHERE project_id = %s AND ts >= %s AND ts < %s ORDER BY ts, event_id LIMIT 700"
    )
    times = [ts for (ts,) in engine.ask(query, project, START, END)]
    every = sorted(datetime.fromisoformat(one["ts"]) for one in [*history(1)[:EVENTS], *history(2)[:EVENTS]])
    assert times == every[:700]


def test_it_is_counted(imported: tuple[Engine, int]) -> None:
    assert_rollups_equal_raw(DAY, DAY + timedelta(days=DAYS))


def test_what_comes_later_to_its_days_is_stored_and_counted(imported: tuple[Engine, int]) -> None:
    engine, project = imported
    store_all(project, [event("late", at(5)), event("late", at(5, day=1))])
    assert engine.ask("SELECT count(*) FROM event WHERE user_id = 'late'") == [(2,)]
    assert_rollups_equal_raw(DAY, DAY + timedelta(days=DAYS))


def test_taking_in_what_is_loose_keeps_everything(imported: tuple[Engine, int]) -> None:
    engine, project = imported
    for number in range(DAYS):
        engine.store.compress(engine.link, DAY + timedelta(days=number))
    assert engine.ask("SELECT count(*) FROM event WHERE project_id = %s", project) == [(2 * EVENTS,)]
    assert_rollups_equal_raw(DAY, DAY + timedelta(days=DAYS))


def test_rows_that_came_late_and_small_batches_are_taken_together_at_once(
    imported: tuple[Engine, int],
) -> None:
    engine, project = imported
    store_all(project, [event("late", at(5))])
    assert engine.store.compress(engine.link, DAY) == engine.store.can_compress
    assert not engine.store.compress(engine.link, DAY)


def test_events_of_the_present_stay_rows(engine: Engine) -> None:
    now = clock.now()
    store_all(new_project(), [event(f"u{n}", now - timedelta(seconds=n)) for n in range(1500)], size=1500)
    assert stored_columns(engine) == {False}


@pytest.mark.parametrize(("name", "value"), [("DIRECT_COMPRESS", False), ("COMPRESS_AFTER_DAYS", 0)])
def test_it_stays_rows_where_that_is_asked_for(
    engine: Engine, settings: Settings, name: str, value: Any
) -> None:
    setattr(settings, name, value)
    store_all(new_project(), history(3), size=2000)
    assert stored_columns(engine) == {False}
