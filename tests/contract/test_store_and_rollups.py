"""What store and rollups must do together on every engine, and what they must look like from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from config.lib.postgres import connect
from events.processor import staging
from events.store.base import Store
from metrics.rollups.base import Rollups
from tests.contract.engines import ENGINES
from tests.support.assertions import day_span
from tests.support.pipeline import copy_line

DAY = date(2024, 2, 28)
START, END = day_span(DAY)
PROJECT = 77


@dataclass
class Engine:
    store: Store
    rollups: Rollups
    link: psycopg.Connection[tuple[Any, ...]]

    def write(self, *moments: datetime, user: str = "u1", slot: int = 0) -> None:
        """Stage one event for each moment and pass it through store and rollups, in one transaction."""
        with self.link.transaction():
            cursor = self.link.cursor()
            with cursor.copy(staging.SQL["copy"]) as copy:
                for moment in moments:
                    copy.write(copy_line(PROJECT, user=user, ts=moment.isoformat()) + b"\n")
            self.store.prepare(cursor, sorted({moment.date() for moment in moments}))
            self.store.insert(cursor)
            self.rollups.apply(cursor, slot)

    def ask(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.link.execute(query, params).fetchall()


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, pipeline: None) -> Iterator[Engine]:
    store, rollups = ENGINES[request.param]()
    with connect(name="contract", autocommit=True) as link:
        staging.create(link)
        yield Engine(store, rollups, link)


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return START + timedelta(days=day, hours=hour, minutes=minute)


COLUMNS = {
    "event": "project_id event_id ts received_at type user_id anonymous_id props flags",
    "rollup_events_1m": "project_id bucket type count",
    "rollup_events_1h": "project_id bucket type count",
    "rollup_events_1d": "project_id bucket type count",
    "rollup_users_1h": "project_id bucket user_id",
    "rollup_users_1d": "project_id bucket user_id",
    "session": "project_id user_id start_ts end_ts session_id events entry exit",
}


@pytest.mark.parametrize("relation", COLUMNS)
def test_relations_have_the_names_and_columns_that_readers_use(engine: Engine, relation: str) -> None:
    query = (
        "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    )
    assert engine.ask(query, relation) == [(COLUMNS[relation],)]


def test_time_bucket_counts_weeks_from_monday(engine: Engine) -> None:
    query = (
        "SELECT time_bucket('7 days', '2024-02-28 10:00+00'), time_bucket('5 minutes', '2024-02-28 10:07+00')"
    )
    assert engine.ask(query) == [
        (datetime(2024, 2, 26, tzinfo=UTC), datetime(2024, 2, 28, 10, 5, tzinfo=UTC)),
    ]


def test_making_room_twice_is_making_it_once(engine: Engine) -> None:
    for _ in range(2):
        with engine.link.transaction():
            engine.store.prepare(engine.link.cursor(), [DAY, DAY + timedelta(days=1)])
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


def test_counts_are_exact_at_every_grain(engine: Engine) -> None:
    engine.write(at(1), at(1), at(1, 1), at(2), slot=0)
    engine.write(at(1), at(23, 59), slot=1)
    for grain, expected in (("1m", [3, 1, 1, 1]), ("1h", [4, 1, 1]), ("1d", [6])):
        counts = f"SELECT sum(count)::int FROM rollup_events_{grain} GROUP BY bucket ORDER BY bucket"
        assert [count for (count,) in engine.ask(counts)] == expected


def test_users_are_kept_once_per_hour_and_day(engine: Engine) -> None:
    for _ in range(2):
        engine.write(at(1), at(1, 30), at(2), user="u1")
        engine.write(at(2), user="u2")
    assert engine.ask("SELECT count(*) FROM rollup_users_1h WHERE project_id = %s", PROJECT) == [(3,)]
    assert engine.ask("SELECT count(*) FROM rollup_users_1d WHERE project_id = %s", PROJECT) == [(2,)]


def test_a_user_is_counted_on_every_day(engine: Engine) -> None:
    engine.write(at(1), at(1, day=1))
    assert engine.ask("SELECT count(*) FROM rollup_users_1d WHERE project_id = %s", PROJECT) == [(2,)]


def test_what_was_written_shows_no_drift(engine: Engine) -> None:
    engine.write(at(0), at(12), at(23, 59), user="u1")
    assert engine.rollups.drift(engine.link.cursor(), START, END) == []


DAMAGES = {
    "a count too many": "UPDATE rollup_events_1h_slot SET count = count + 1",
    "a missing minute": "DELETE FROM rollup_events_1m_slot WHERE extract(hour FROM bucket) = 1",
    "a missing user": "DELETE FROM rollup_users_1d",
    "an invented user": "INSERT INTO rollup_users_1h SELECT 77, '2024-02-28 05:00+00', 'ghost'",
    "an invented day": "INSERT INTO rollup_events_1d_slot SELECT 78, '2024-02-28', 'ghost', 0, 3",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_a_rebuild_mends_it(engine: Engine, damage: str) -> None:
    engine.write(at(1), at(1, 5), at(2))
    engine.link.execute(DAMAGES[damage])
    assert engine.rollups.drift(engine.link.cursor(), START, END)
    with engine.link.transaction():
        engine.rollups.rebuild(engine.link.cursor(), START, END)
    assert engine.rollups.drift(engine.link.cursor(), START, END) == []


def test_what_comes_after_a_rebuild_is_added_to_it(engine: Engine) -> None:
    engine.write(at(1))
    with engine.link.transaction():
        engine.rollups.rebuild(engine.link.cursor(), START, END)
    engine.write(at(1), user="u2")
    assert engine.rollups.drift(engine.link.cursor(), START, END) == []


def test_a_rebuild_leaves_other_days_alone(engine: Engine) -> None:
    engine.write(at(1), at(1, day=1))
    engine.link.execute("UPDATE rollup_events_1d_slot SET count = 9 WHERE bucket = %s", [END])
    with engine.link.transaction():
        engine.rollups.rebuild(engine.link.cursor(), START, END)
    assert engine.ask("SELECT count FROM rollup_events_1d WHERE bucket = %s", END) == [(9,)]


def test_old_days_are_dropped_whole_and_their_rollups_stay(engine: Engine) -> None:
    early = datetime(1999, 12, 31, 12, tzinfo=UTC)
    engine.write(early, at(1))
    with engine.link.transaction():
        dropped = engine.store.drop_before(engine.link.cursor(), date(2000, 1, 1))
    assert dropped == [date(1999, 12, 31)]
    assert engine.ask("SELECT count(*) FROM event") == [(1,)]
    assert engine.ask("SELECT sum(count)::int FROM rollup_events_1d") == [(2,)]


def test_room_for_a_dropped_day_is_made_again(engine: Engine) -> None:
    early = datetime(1999, 12, 31, 12, tzinfo=UTC)
    engine.write(early)
    with engine.link.transaction():
        engine.store.drop_before(engine.link.cursor(), date(2000, 1, 1))
    engine.write(early)
    assert engine.ask("SELECT count(*) FROM event") == [(1,)]
