"""Removing a project removes everything of it, and nothing of anybody else's."""

from __future__ import annotations

import threading

import pytest

from config import engine
from config.lib.postgres import connect
from dlq.models import DeadLetter
from events.models import ApiKey, Project
from events.purge import purge_project
from tests.support.assertions import assert_balanced, assert_rollups_equal_raw
from tests.support.pipeline import append, append_rows, copy_line, event, process_all, rows, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

HOLDS_PROJECT_ROWS = (
    "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "WHERE a.attname = 'project_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
    "AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'outcome_count' ORDER BY 1"
)


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> tuple[Tenant, Tenant]:
    for tenant in (acme, globex):
        store_all(tenant.id, [event("u1"), event("u2")])
        append_rows(tenant.id, b"garbage", copy_line(tenant.id))
        process_all()
    return acme, globex


def purge(project_id: int) -> None:
    purge_project(project_id, store=engine.store(), rollups=engine.rollups())


def counts(project_id: int) -> dict[str, int]:
    tables = [name for (name,) in rows(HOLDS_PROJECT_ROWS)]
    found = {
        name: rows(f"SELECT count(*) FROM {name} WHERE project_id = %s", project_id)[0][0] for name in tables
    }
    return {name: number for name, number in found.items() if number}


def test_nothing_of_the_project_is_left_in_any_table(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    others = counts(globex.id)
    purge(acme.id)
    assert counts(acme.id) == {}
    assert counts(globex.id) == others
    assert list(Project.objects.values_list("slug", flat=True)) == ["globex"]
    assert_rollups_equal_raw()


def test_what_waits_in_the_bus_is_counted_as_purged(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    append(acme.id, [event("u3"), event("u4")])
    append(globex.id, [event("u3")])
    purge(acme.id)
    assert_balanced()
    process_all()
    assert rows("SELECT events FROM outcome_count WHERE outcome = 'purged'") == [(2,)]
    assert counts(acme.id) == {}
    assert_balanced()


def test_its_keys_stop_working(acme: Tenant) -> None:
    purge(acme.id)
    assert not ApiKey.objects.exists()
    assert not DeadLetter.objects.exists()
    assert acme.send({"type": "a", "userId": "u"}).status_code == 401


def test_a_claim_at_work_holds_up_nothing_but_its_own_projects_removal(both: tuple[Tenant, Tenant]) -> None:
    acme, globex = both
    append(globex.id, [event("u9")])
    with connect(name="claim at work") as claim:
        claim.execute("SELECT 1 FROM project WHERE id = %s FOR KEY SHARE", [acme.id])
        removal = threading.Thread(target=purge, args=(acme.id,))
        removal.start()
        wait_until(
            lambda: rows("SELECT removing FROM project WHERE id = %s", acme.id) == [(True,)], what="the mark"
        )
        process_all()
        assert rows("SELECT count(*) FROM event WHERE user_id = 'u9'") == [(1,)]
        claim.rollback()
    removal.join(timeout=20)
    assert counts(acme.id) == {}
