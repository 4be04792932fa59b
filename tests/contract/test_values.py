"""How every engine keeps the numbers named `value`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.damage import damage
from tests.contract.driver import PROJECT, Engine
from tests.support.assertions import day_span
from tests.support.pipeline import catch_up

START, END = day_span(date(2024, 2, 28))
RELATIONS = ("rollup_values_1h", "rollup_values_1d")
COLUMNS = [
    ("project_id", "integer"),
    ("bucket", "timestamp with time zone"),
    ("type", "text"),
    ("n", "bigint"),
    ("sum", "numeric"),
    ("min", "numeric"),
    ("max", "numeric"),
]


def at(hour: int, day: int = 0) -> datetime:
    return START + timedelta(days=day, hours=hour, minutes=7)


def write(engine: Engine, *values: Any, hour: int = 1, **options: Any) -> None:
    """Write an event for each value, in one claim."""
    for value in values:
        engine.write(at(hour), props=f'{{"value": {value}}}', **options)


def kept(engine: Engine, relation: str) -> list[tuple[Any, ...]]:
    """Return the project's buckets as readers merge them."""
    query = (
        f"SELECT bucket, sum(n)::int, sum(sum), min(min), max(max) FROM {relation} "
        "WHERE project_id = %s GROUP BY bucket ORDER BY bucket"
    )
    return engine.ask(query, PROJECT)


@pytest.mark.parametrize("relation", RELATIONS)
def test_relations_have_the_columns_that_readers_use(engine: Engine, relation: str) -> None:
    query = (
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    assert engine.ask(query, relation) == COLUMNS


def test_numbers_of_several_processors_are_merged(engine: Engine) -> None:
    write(engine, 3, -1, slot=0)
    write(engine, "0.1", "1e3", slot=1)
    write(engine, 7, hour=2, slot=1)
    first = (START + timedelta(hours=1), 4, Decimal("1002.1"), -1, 1000)
    assert kept(engine, "rollup_values_1h") == [first, (START + timedelta(hours=2), 1, 7, 7, 7)]
    assert kept(engine, "rollup_values_1d") == [(START, 5, Decimal("1009.1"), -1, 1000)]
    assert engine.drift(START, END) == []


@pytest.mark.parametrize("value", ['"7"', "true", "null", "[7]", '{"value": 7}'])
def test_what_is_not_a_number_has_no_part(engine: Engine, value: str) -> None:
    write(engine, value)
    engine.write(at(1), props='{"other": 7}')
    assert [kept(engine, relation) for relation in RELATIONS] == [[], []]
    assert engine.drift(START, END) == []


def test_fresh_numbers_count_at_once(engine: Engine) -> None:
    (now,) = engine.ask("SELECT now()")[0]
    engine.write(now, props='{"value": 2}', late=False)
    for relation in RELATIONS:
        assert [figures[1:] for figures in kept(engine, relation)] == [(1, 2, 2, 2)]


DAMAGES = {
    "a sum too great": "UPDATE {rollup_values_1h} SET sum = sum + 1",
    "a lower least": "UPDATE {rollup_values_1d} SET min = min - 1",
    "a missing day": "DELETE FROM {rollup_values_1d}",
    "an invented hour": (
        "INSERT INTO {rollup_values_1h} (project_id, bucket, type, n, sum, min, max{salt_column}) "
        "SELECT 78, '2024-02-28', 'ghost', 1, 1, 1, 1{salt}"
    ),
}


@pytest.mark.parametrize("wrong", DAMAGES)
def test_damage_is_found_and_a_rebuild_mends_it(engine: Engine, wrong: str) -> None:
    write(engine, 3, 5)
    assert damage(engine.link, DAMAGES[wrong]) > 0
    assert engine.drift(START, END)
    engine.rollups.rebuild(engine.link, START, END)
    assert engine.drift(START, END) == []


def test_what_comes_after_a_rebuild_is_added_to_it(engine: Engine) -> None:
    write(engine, 3)
    engine.rollups.rebuild(engine.link, START, END)
    write(engine, 5)
    assert kept(engine, "rollup_values_1d") == [(START, 2, 8, 3, 5)]


def erase(engine: Engine, user: str | None) -> None:
    with engine.link.transaction():
        cursor = engine.link.cursor()
        engine.store.keep_writers_out(cursor)
        if user is None:
            engine.rollups.erase(cursor, project_id=PROJECT)
        else:
            engine.rollups.erase_ids(cursor, project_id=PROJECT, ids=[user])
        engine.store.erase(cursor, project_id=PROJECT, user_id=user)
    catch_up()


def test_the_extremes_of_an_erased_user_go_with_him(engine: Engine) -> None:
    write(engine, 3, 5, user="bob")
    write(engine, -9, 99, user="ada", slot=1)
    write(engine, 1, user="ada", hour=2)
    erase(engine, "ada")
    assert kept(engine, "rollup_values_1h") == [(START + timedelta(hours=1), 2, 8, 3, 5)]
    assert kept(engine, "rollup_values_1d") == [(START, 2, 8, 3, 5)]
    assert engine.drift(START, END) == []


def test_an_erased_project_leaves_the_numbers_of_others(engine: Engine) -> None:
    write(engine, 3)
    write(engine, 4, project=PROJECT + 1)
    erase(engine, None)
    for relation in RELATIONS:
        assert engine.ask(f"SELECT project_id, n FROM {relation}") == [(PROJECT + 1, 1)]


def test_numbers_outlive_their_events_and_late_ones_are_added(engine: Engine) -> None:
    write(engine, 3, 5)
    with engine.link.transaction():
        assert engine.rollups.seal(engine.link.cursor(), END.date())
        engine.store.drop_before(engine.link.cursor(), END.date())
    write(engine, 1, 9, slot=1)
    assert kept(engine, "rollup_values_1h") == [(START + timedelta(hours=1), 4, 18, 1, 9)]
    assert kept(engine, "rollup_values_1d") == [(START, 4, 18, 1, 9)]
