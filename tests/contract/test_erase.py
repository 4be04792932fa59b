"""Erasing a user or a project: nothing of them is left, and nothing of anybody else's is missing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.lib import clock
from events.erase import erase_user
from events.purge import purge_project
from tests.contract.driver import Engine
from tests.contract.moments import DAY, at
from tests.support.assertions import (
    assert_no_rollup_beyond_raw,
    assert_rollups_equal_raw,
    assert_sessions_equal_raw,
)
from tests.support.pipeline import event, new_project, store_all

#: Every relation that shows users, and every one that shows projects.
OF_USERS = ("event", "session", "rollup_users_1h", "rollup_users_1d")
OF_PROJECTS = (*OF_USERS, "event_key", *(f"rollup_events_{grain}" for grain in ("1m", "1h", "1d")))
Tenants = tuple[int, int]


@pytest.fixture
def tenants(engine: Engine) -> Tenants:
    """Two projects with the same two users, on a compressed day, on another, and just now."""
    made = new_project(), new_project()
    for project in made:
        for user in ("ann", "bob"):
            moments = (at(1), at(1), at(5, day=3), clock.now() - timedelta(minutes=1))
            store_all(project, [event(user, moment, value=2) for moment in moments])
    engine.store.compress(engine.link, DAY)
    return made


def rows_of(engine: Engine, relation: str, project: int, user: str | None = None) -> int:
    query = f"SELECT count(*) FROM {relation} WHERE project_id = %s"
    if user is None:
        return int(engine.ask(query, project)[0][0])
    return int(engine.ask(f"{query} AND user_id = %s", project, user)[0][0])


def test_an_erased_user_is_nowhere(engine: Engine, tenants: Tenants) -> None:
    acme, _ = tenants
    assert all(rows_of(engine, relation, acme, "ann") for relation in OF_USERS)
    erased = erase_user(project_id=acme, user_id="ann", store=engine.store, rollups=engine.rollups)
    assert erased.events == 4
    assert [rows_of(engine, relation, acme, "ann") for relation in OF_USERS] == [0, 0, 0, 0]


def test_erasing_a_user_leaves_everybody_else_counted(engine: Engine, tenants: Tenants) -> None:
    acme, globex = tenants
    others = [rows_of(engine, relation, globex, "ann") for relation in OF_USERS]
    erase_user(project_id=acme, user_id="ann", store=engine.store, rollups=engine.rollups)
    assert [rows_of(engine, relation, globex, "ann") for relation in OF_USERS] == others
    assert rows_of(engine, "event", acme, "bob") == 4
    for project in tenants:
        assert_no_rollup_beyond_raw(project)
        assert_sessions_equal_raw(project)
    assert_rollups_equal_raw()


def test_an_erased_user_can_come_again(engine: Engine, tenants: Tenants) -> None:
    acme, _ = tenants
    erase_user(project_id=acme, user_id="ann", store=engine.store, rollups=engine.rollups)
    store_all(acme, [event("ann", at(1))])
    assert rows_of(engine, "event", acme, "ann") == 1
    assert_no_rollup_beyond_raw(acme)
    assert_rollups_equal_raw()


def test_a_removed_project_is_nowhere(engine: Engine, tenants: Tenants) -> None:
    acme, globex = tenants
    others = [rows_of(engine, relation, globex) for relation in OF_PROJECTS]
    purge_project(acme, store=engine.store, rollups=engine.rollups)
    assert [rows_of(engine, relation, acme) for relation in OF_PROJECTS] == [0] * len(OF_PROJECTS)
    assert [rows_of(engine, relation, globex) for relation in OF_PROJECTS] == others
    assert_rollups_equal_raw()
    engine.rollups.rebuild(engine.link, at(0), at(0, day=1))
    assert rows_of(engine, "rollup_events_1d", acme) == 0
