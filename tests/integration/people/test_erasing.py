"""Erasing a user erases all ids of the person, what was said of him, and nothing of anybody else's."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from config import engine
from config.lib.postgres import connect
from events import erase
from events.purge import purge_project
from tests.support.assertions import (
    assert_no_rollup_beyond_raw,
    assert_rollups_equal_raw,
    assert_sessions_equal_raw,
)
from tests.support.people_model import stored_aliases, stored_traits
from tests.support.pipeline import NOON, append_rows, copy_line, event, process_all, rows, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

WAITS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'sluice erase' AND wait_event_type = 'Lock'"
)


def identify(user: str, anonymous: str) -> dict[str, Any]:
    return event(user, type="identify", plan="pro") | {"anonymousId": anonymous}


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> tuple[Tenant, Tenant]:
    """Each tenant has an ada with three ids, and a bob with two."""
    for tenant in (acme, globex):
        browsed = [event(user, NOON + timedelta(hours=1), value=2) for user in ("a1", "a2", "b1")]
        store_all(tenant.id, [*browsed, identify("ada", "a1"), identify("ada", "a2"), identify("bob", "b1")])
    return acme, globex


def erase_one(project_id: int, user: str) -> erase.Footprint:
    return erase.erase_user(
        project_id=project_id, user_id=user, store=engine.store(), rollups=engine.rollups()
    )


def users(relation: str, project_id: int) -> list[str]:
    query = f"SELECT DISTINCT user_id FROM {relation} WHERE project_id = %s ORDER BY 1"
    return [user for (user,) in rows(query, project_id)]


@pytest.mark.parametrize("named", ["ada", "a1", "a2"])
def test_whichever_id_is_named_all_of_the_person_goes(both: tuple[Tenant, Tenant], named: str) -> None:
    acme, globex = both
    assert erase_one(acme.id, named) == erase.Footprint(events=4, sessions=3, ids=3)
    for relation in ("event", "session", "rollup_users_1h", "rollup_users_1d"):
        assert users(relation, acme.id) == ["b1", "bob"], relation
        assert users(relation, globex.id) == ["a1", "a2", "ada", "b1", "bob"], relation
    assert stored_aliases(acme.id) == {"b1": "bob"}
    assert stored_traits(acme.id) == {("bob", "plan"): "pro"}
    assert stored_aliases(globex.id) == {"a1": "ada", "a2": "ada", "b1": "bob"}
    assert stored_traits(globex.id) == {("ada", "plan"): "pro", ("bob", "plan"): "pro"}


def test_rollups_and_sessions_equal_the_raw_events_afterwards(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    erase_one(acme.id, "a2")
    assert_rollups_equal_raw()
    for tenant in (acme, globex):
        assert_no_rollup_beyond_raw(tenant.id)
        assert_sessions_equal_raw(tenant.id)


def test_who_is_erased_is_known_no_more(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    erase_one(acme.id, "ada")
    for user in ("ada", "a1"):
        assert acme.get(f"/api/users/{user}").status_code == 404
        assert globex.get(f"/api/users/{user}").status_code == 200


def test_an_id_that_comes_to_stand_for_him_meanwhile_goes_too(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    with connect(name="claim at work") as claim:
        engine.store().prepare(claim.cursor(), [NOON.date()])
        erasure = threading.Thread(target=erase_one, args=(acme.id, "ada"))
        erasure.start()
        wait_until(lambda: rows(WAITS) == [(1,)], what="the erasure to wait")
        claim.execute(
            "INSERT INTO user_alias (project_id, alias, user_id, since) VALUES (%s, 'late', 'ada', now())",
            [acme.id],
        )
        claim.commit()
    erasure.join(timeout=20)
    assert stored_aliases(acme.id) == {"b1": "bob"}


def test_the_command_says_how_many_ids_go(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    append_rows(acme.id, copy_line(acme.id, user="a1", ts="garbage"))
    process_all()
    out = StringIO()
    call_command("erase_user", acme.slug, "ada", "--yes", stdout=out)
    assert "acme: 4 events and 3 sessions of this user" in out.getvalue()
    assert "3 ids are this user's" in out.getvalue()
    assert "dead letters that name the user stay: 1" in out.getvalue()
    assert "erased: 4 events, 3 sessions" in out.getvalue()


def test_a_removed_project_is_forgotten_and_others_are_not(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    purge_project(acme.id, store=engine.store(), rollups=engine.rollups())
    for table in ("user_alias", "user_trait", "observed_property"):
        query = f"SELECT DISTINCT project_id FROM {table}"
        assert rows(query) == [(globex.id,)], table
    assert globex.get("/api/users/a1").json()["userId"] == "ada"


def test_who_was_an_alias_may_be_somebody_else_after_the_erasure(both: tuple[Tenant, Tenant]) -> None:
    acme, _ = both
    erase_one(acme.id, "ada")
    store_all(acme.id, [identify("carl", "a1")])
    assert stored_aliases(acme.id) == {"a1": "carl", "b1": "bob"}
    assert acme.get("/api/users/a1").json()["events"] == 1
