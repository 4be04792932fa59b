"""What every store must do with days: make room, keep them apart, list and compress them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import psycopg

from tests.contract.driver import Engine
from tests.contract.moments import DAY, END, START, at
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.pipeline import event, new_project, store_all


def test_making_room_twice_is_making_it_once(engine: Engine) -> None:
    for _ in range(2):
        with engine.link.transaction():
            engine.store.prepare(engine.link.cursor(), [DAY, DAY + timedelta(days=1)])
    engine.write(at(1), at(2), at(1, day=1))
    days = [partition.day for partition in engine.store.partitions(engine.link.cursor())]
    assert days.count(DAY) == 1
    assert days == sorted(days, reverse=True)


def test_room_made_in_a_transaction_that_failed_is_made_again(engine: Engine) -> None:
    day = date(2024, 3, 15)
    with engine.link.transaction():
        engine.store.prepare(engine.link.cursor(), [day])
        raise psycopg.Rollback
    engine.write(datetime(2024, 3, 15, 12, tzinfo=UTC))
    assert engine.ask("SELECT count(*) FROM event WHERE ts::date = %s", day) == [(1,)]


def test_a_day_begins_at_its_first_microsecond_and_ends_before_the_next(engine: Engine) -> None:
    engine.write(START, END - timedelta(microseconds=1), END)
    query = "SELECT tableoid::regclass, count(*) FROM event GROUP BY 1"
    assert sorted(count for _, count in engine.ask(query)) == [1, 2]


def test_a_partition_knows_its_bounds_and_its_size(engine: Engine) -> None:
    engine.write(*(at(1, minute) for minute in range(30)))
    engine.link.execute("ANALYZE event")
    (found,) = [one for one in engine.store.partitions(engine.link.cursor()) if one.day == DAY]
    assert (found.start, found.end, found.rows) == (START, END, 30)
    assert found.bytes >= 8192
    assert not found.compressed
    assert list(found.days) == [DAY]


def test_an_event_comes_out_as_it_went_in(engine: Engine) -> None:
    project = new_project()
    sent = event("zoë", at(3), type="buy", id="order-1", price=12.5, note="a\tb\\n\u2028", list=[1, None])
    store_all(project, [sent])
    query = "SELECT user_id, ts, type, props FROM event WHERE project_id = %s"
    assert engine.ask(query, project) == [("zoë", at(3), "buy", sent["props"])]


def test_compressing_keeps_every_event_where_it_is_possible_at_all(engine: Engine) -> None:
    project = new_project()
    store_all(project, [event("u1", at(1, minute), type=f"t{minute % 3}", n=minute) for minute in range(60)])
    before = engine.ask("SELECT * FROM event ORDER BY event_id")
    assert engine.store.compress(engine.link, DAY) == engine.store.can_compress
    (partition,) = [one for one in engine.store.partitions(engine.link.cursor()) if one.day == DAY]
    assert partition.compressed == engine.store.can_compress
    assert engine.ask("SELECT * FROM event ORDER BY event_id") == before
    assert_rollups_equal_raw(DAY, DAY)


def test_what_comes_to_a_compressed_day_is_stored_once_and_counted(engine: Engine) -> None:
    project = new_project()
    store_all(project, [event("u1", at(1), id="first")])
    engine.store.compress(engine.link, DAY)
    late = [event("u2", at(2), id="late"), event("u1", at(1), id="first")]
    outcomes = store_all(project, [*late, *late])
    assert {outcome: count for (_, outcome), count in outcomes.items()} == {"stored": 1, "duplicate": 3}
    assert engine.ask("SELECT count(*) FROM event WHERE project_id = %s", project) == [(2,)]
    assert engine.ask("SELECT sum(count)::int FROM rollup_events_1m WHERE project_id = %s", project) == [(2,)]
    assert_rollups_equal_raw(DAY, DAY)


def test_compressing_again_takes_in_what_came_late(engine: Engine) -> None:
    project = new_project()
    for user in ("u1", "u2", "u3"):
        store_all(project, [event(user, at(1))])
        assert engine.store.compress(engine.link, DAY) == engine.store.can_compress
    assert engine.ask("SELECT count(*) FROM event WHERE project_id = %s", project) == [(3,)]
    assert_rollups_equal_raw(DAY, DAY)


def test_what_lies_in_columns_as_a_whole_is_left_alone(engine: Engine) -> None:
    engine.write(at(1), at(2))
    engine.store.compress(engine.link, DAY)
    assert not engine.store.compress(engine.link, DAY)


def test_a_day_without_events_is_not_compressed(engine: Engine) -> None:
    assert not engine.store.compress(engine.link, DAY)
