"""Dropped days: raw events go whole days at a time, rollups stay, and what still comes is added to them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.management import call_command

from events import maintenance
from tests.contract.damage import damage
from tests.contract.driver import PROJECT, Engine
from tests.contract.moments import DAY, END, START, at

NEXT = DAY + timedelta(days=1)


def drop_before(engine: Engine, day: date) -> list[date]:
    return maintenance.drop_before(store=engine.store, rollups=engine.rollups, day=day)


def totals(engine: Engine) -> list[int]:
    grains = ("1m", "1h", "1d")
    return [engine.ask(f"SELECT sum(count)::int FROM rollup_events_{grain}")[0][0] for grain in grains]


@pytest.fixture
def dropped(engine: Engine) -> Engine:
    """Give an engine with a dropped day, which had two events, and an event on the next."""
    engine.write(at(1), at(2), at(1, day=1))
    assert DAY in drop_before(engine, NEXT)
    return engine


def test_old_days_are_dropped_whole_and_their_rollups_stay(dropped: Engine) -> None:
    assert dropped.ask("SELECT ts FROM event") == [(at(1, day=1),)]
    assert totals(dropped) == [3, 3, 3]
    assert dropped.ask("SELECT count(*) FROM rollup_users_1d") == [(2,)]


def test_nothing_is_dropped_that_is_not_old(engine: Engine) -> None:
    engine.write(at(1))
    assert DAY not in drop_before(engine, DAY)
    assert engine.ask("SELECT count(*) FROM event") == [(1,)]


def test_nothing_to_drop_seals_nothing(engine: Engine) -> None:
    engine.write(at(1))
    drop_before(engine, date(1971, 1, 1))
    assert engine.rollups.sealed_before(engine.link.cursor()) is None


def test_late_events_are_counted_before_their_day_is_dropped(engine: Engine) -> None:
    engine.write(at(1), late=False)
    drop_before(engine, NEXT)
    assert engine.ask("SELECT count(*) FROM event") == [(0,)]
    assert totals(engine) == [1, 1, 1]


def test_an_event_that_comes_for_a_dropped_day_is_stored_and_added(dropped: Engine) -> None:
    dropped.write(at(1), at(5), user="late")
    assert dropped.ask("SELECT count(*) FROM event WHERE ts < %s", END) == [(2,)]
    assert totals(dropped) == [5, 5, 5]
    users = "SELECT count(*) FROM rollup_users_1d WHERE bucket = %s"
    assert dropped.ask(users, START) == [(2,)]


def test_a_user_who_comes_again_for_a_dropped_day_is_the_same(dropped: Engine) -> None:
    dropped.write(at(1), at(1))
    dropped.write(at(1))
    assert dropped.ask("SELECT count(*) FROM rollup_users_1d WHERE bucket = %s", START) == [(1,)]
    assert dropped.ask("SELECT count(*) FROM rollup_users_1h WHERE bucket = %s", at(1)) == [(1,)]


def test_what_came_late_can_be_dropped_again(dropped: Engine) -> None:
    dropped.write(at(5))
    assert DAY in drop_before(dropped, NEXT)
    assert dropped.ask("SELECT count(*) FROM event WHERE ts < %s", END) == [(0,)]
    assert totals(dropped) == [4, 4, 4]


def test_a_rebuild_leaves_dropped_days_alone(dropped: Engine) -> None:
    dropped.write(at(5))
    call_command("rebuild_rollups", "--from", str(DAY), "--to", str(NEXT))
    assert totals(dropped) == [4, 4, 4]


def test_the_bound_of_dropped_days_is_known(dropped: Engine) -> None:
    assert dropped.rollups.sealed_before(dropped.link.cursor()) == NEXT


def test_a_check_says_nothing_of_dropped_days_and_finds_damage_in_others(dropped: Engine) -> None:
    dropped.write(at(5))
    call_command("check_rollups")
    assert damage(
        dropped.link, "UPDATE {rollup_events_1h} SET count = count + 1 WHERE bucket >= '2024-02-29'"
    )
    with pytest.raises(SystemExit, match="1 buckets differ"):
        call_command("check_rollups")


def test_a_project_keeps_its_own_dropped_days(engine: Engine) -> None:
    engine.write(at(1))
    engine.write(at(1), project=PROJECT + 1)
    drop_before(engine, NEXT)
    engine.write(at(2), project=PROJECT + 1)
    query = "SELECT project_id, sum(count)::int FROM rollup_events_1d GROUP BY 1 ORDER BY 1"
    assert engine.ask(query) == [(PROJECT, 1), (PROJECT + 1, 2)]
