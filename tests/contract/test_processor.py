"""Through the whole processor: duplicates, and events in any order, give the same everywhere."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.driver import Engine
from tests.contract.moments import DAY, at
from tests.support.assertions import (
    assert_balanced,
    assert_no_rollup_beyond_raw,
    assert_rollups_equal_raw,
    assert_sessions_equal_raw,
)
from tests.support.pipeline import event, new_project, store_all

ONCE = [event("u1", at(1), id="a", page="/"), event("u1", at(2), id="b", page="/x")]


def outcomes(project: int, *batches: list[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in batches:
        for (_, outcome), count in store_all(project, batch).items():
            found[outcome] = found.get(outcome, 0) + count
    return found


@pytest.mark.parametrize("batches", [[ONCE + ONCE], [ONCE, ONCE], [ONCE, ONCE[:1], ONCE[1:] * 2]])
def test_a_repeated_event_is_stored_and_counted_once(
    engine: Engine, batches: list[list[dict[str, Any]]]
) -> None:
    project = new_project()
    repeats = sum(map(len, batches)) - 2
    assert outcomes(project, *batches) == {"stored": 2, "duplicate": repeats}
    assert engine.ask("SELECT count(*) FROM event WHERE project_id = %s", project) == [(2,)]
    assert_no_rollup_beyond_raw(project)
    assert_rollups_equal_raw(DAY, DAY)
    assert_balanced()


def test_a_repeat_under_another_time_is_still_one(engine: Engine) -> None:
    project = new_project()
    repeat = ONCE[0] | {"ts": at(1, day=9).isoformat()}
    assert outcomes(project, ONCE, [repeat]) == {"stored": 2, "duplicate": 1}
    assert engine.ask("SELECT count(*) FROM event WHERE ts > %s", at(0, day=9)) == [(0,)]


def test_an_id_with_other_content_is_a_conflict_and_the_first_stays(engine: Engine) -> None:
    project = new_project()
    assert outcomes(project, ONCE, [ONCE[0] | {"userId": "mallory"}]) == {"stored": 2, "conflict": 1}
    assert engine.ask("SELECT DISTINCT user_id FROM event WHERE project_id = %s", project) == [("u1",)]


def test_an_id_belongs_to_its_project(engine: Engine) -> None:
    acme, globex = new_project(), new_project()
    assert outcomes(acme, ONCE) == outcomes(globex, ONCE) == {"stored": 2}
    for project in (acme, globex):
        assert_no_rollup_beyond_raw(project)


@pytest.mark.parametrize("seed", range(3))
def test_events_out_of_order_give_the_same_as_in_order(engine: Engine, seed: int) -> None:
    steps = [timedelta(minutes=random.Random(seed).choice((1, 20, 45, 700)) * n) for n in range(40)]
    events = [event(f"u{n % 3}", at(0) + step, id=f"e{n}") for n, step in enumerate(steps)]
    shuffled = random.Random(seed).sample(events, len(events))
    ordered, mixed = new_project(), new_project()
    store_all(ordered, events)
    for first in range(0, len(shuffled), 7):
        store_all(mixed, shuffled[first : first + 7])
    for relation, columns in RELATIONS.items():
        assert shown(engine, relation, columns, mixed) == shown(engine, relation, columns, ordered)
    assert_sessions_equal_raw(mixed)
    assert_rollups_equal_raw(DAY)


RELATIONS = {
    "event": "event_id, ts, type, user_id, props",
    "session": "user_id, start_ts, end_ts, events, entry, exit",
    **{f"rollup_events_{grain}": "bucket, type, sum(count)" for grain in ("1m", "1h", "1d")},
    **{f"rollup_users_{grain}": "bucket, user_id" for grain in ("1h", "1d")},
}


def shown(engine: Engine, relation: str, columns: str, project: int) -> list[tuple[Any, ...]]:
    grouping = "GROUP BY 1, 2" if "sum(" in columns else ""
    found = engine.ask(f"SELECT {columns} FROM {relation} WHERE project_id = %s {grouping}", project)
    return sorted(found, key=repr)
