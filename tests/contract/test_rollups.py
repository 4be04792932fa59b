"""What every engine's rollups must hold, how damage is found, and how it is mended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.lib import clock
from tests.contract.damage import DAMAGES, damage
from tests.contract.driver import PROJECT, Engine
from tests.contract.moments import END, START, at
from tests.support.pipeline import catch_up


def counts(engine: Engine, grain: str) -> list[int]:
    query = f"SELECT sum(count)::int FROM rollup_events_{grain} GROUP BY bucket ORDER BY bucket"
    return [count for (count,) in engine.ask(query)]


def test_counts_are_exact_at_every_grain(engine: Engine) -> None:
    engine.write(at(1), at(1), at(1, 1), at(2), slot=0)
    engine.write(at(1), at(23, 59), slot=1)
    for grain, expected in (("1m", [3, 1, 1, 1]), ("1h", [4, 1, 1]), ("1d", [6])):
        assert counts(engine, grain) == expected


def test_users_are_kept_once_per_hour_and_day(engine: Engine) -> None:
    for _ in range(2):
        engine.write(at(1), at(1, 30), at(2), user="u1")
        engine.write(at(2), user="u2")
    assert engine.ask("SELECT count(*) FROM rollup_users_1h WHERE project_id = %s", PROJECT) == [(3,)]
    assert engine.ask("SELECT count(*) FROM rollup_users_1d WHERE project_id = %s", PROJECT) == [(2,)]


def test_a_user_is_counted_on_every_day(engine: Engine) -> None:
    engine.write(at(1), at(1, day=1))
    assert engine.ask("SELECT count(*) FROM rollup_users_1d WHERE project_id = %s", PROJECT) == [(2,)]


@pytest.mark.parametrize("grain", ["1m", "1h", "1d"])
def test_a_fresh_event_is_counted_at_once(engine: Engine, grain: str) -> None:
    now = clock.now()
    engine.write(now, now, late=False)
    assert sum(counts(engine, grain)) == 2


def test_a_fresh_event_is_counted_beside_what_was_caught_up_with(engine: Engine) -> None:
    now = clock.now()
    engine.write(now, now - timedelta(hours=1), now - timedelta(days=40))
    engine.write(now, late=False)
    for grain in ("1m", "1h", "1d"):
        assert sum(counts(engine, grain)) == 4


@pytest.mark.parametrize("age", [timedelta(minutes=30), timedelta(days=2), timedelta(days=400)])
def test_a_late_event_is_counted_or_said_to_be_pending_and_then_counted(
    engine: Engine, age: timedelta
) -> None:
    moment = clock.now() - age
    engine.write(moment)
    engine.write(moment, late=False)
    pending = engine.ask("SELECT count(*) > 0 FROM rollup_pending") == [(True,)]
    assert pending or [sum(counts(engine, grain)) for grain in ("1m", "1h", "1d")] == [2, 2, 2]
    catch_up()
    assert [sum(counts(engine, grain)) for grain in ("1m", "1h", "1d")] == [2, 2, 2]
    assert engine.ask("SELECT count(*) FROM rollup_pending") == [(0,)]


def test_catching_up_with_nothing_changes_nothing(engine: Engine) -> None:
    engine.write(at(1))
    assert engine.rollups.catch_up(engine.link)
    assert counts(engine, "1m") == [1]


def test_what_was_written_shows_no_drift(engine: Engine) -> None:
    engine.write(at(0), at(12), at(23, 59), user="u1")
    assert engine.drift(START, END) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_a_rebuild_mends_it(engine: Engine, name: str) -> None:
    engine.write(at(1), at(1, 5), at(2))
    assert damage(engine.link, DAMAGES[name])
    assert engine.drift(START, END)
    engine.rollups.rebuild(engine.link, START, END)
    assert engine.drift(START, END) == []


def test_what_comes_after_a_rebuild_is_added_to_it(engine: Engine) -> None:
    engine.write(at(1))
    engine.rollups.rebuild(engine.link, START, END)
    engine.write(at(1), user="u2")
    assert engine.drift(START, END) == []


def test_a_rebuild_leaves_other_days_alone(engine: Engine) -> None:
    engine.write(at(1), at(1, day=1))
    assert damage(engine.link, f"UPDATE {{rollup_events_1d}} SET count = 9 WHERE bucket = '{END}'") == 1
    engine.rollups.rebuild(engine.link, START, END)
    assert engine.ask("SELECT count FROM rollup_events_1d WHERE bucket = %s", END) == [(9,)]
