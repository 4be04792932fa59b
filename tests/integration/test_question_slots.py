"""Heavy questions take turns, rollups answer meanwhile, and what runs leaves the cores to events."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from config import bootstrap
from config.lib import clock
from config.lib.aside import aside
from config.lib.niceness import NICE
from config.lib.postgres import connect
from metrics.errors import TooBusy
from metrics.query.parse import parse_question
from metrics.query.patience import one_deadline
from metrics.query.run import asking
from metrics.query.slots import SLOT_SPACE, slot
from metrics.query.weight import is_heavy
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

DAYS = {"metric": "count", "range": "2025-06-02/2025-06-04", "step": "1d"}
RAW = DAYS | {"groupBy": "props.x"}


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme and globex with an event each on the first day."""
    store_all(acme.id, [event("u1", NOON, x="a")])
    store_all(globex.id, [event("v1", NOON, x="b")])
    return acme


@contextmanager
def slots_taken(*numbers: int) -> Iterator[None]:
    """Hold slots as another gateway would."""
    with connect(name="another gateway") as link:
        for number in numbers:
            link.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SLOT_SPACE, number])
        yield


def waiting() -> int:
    """Return how many wait for a slot in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE datname = current_database() AND locktype = 'advisory' AND classid = %s AND NOT granted",
            [SLOT_SPACE],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("path", ["/api/metrics", "/api/funnels", "/api/paths"])
def test_who_finds_no_slot_for_long_is_told_to_come_back(both: Tenant, settings: Settings, path: str) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 200
    asked = {
        "/api/metrics": RAW,
        "/api/funnels": {"steps": '["page_view","order"]', "range": DAYS["range"]},
        "/api/paths": {"from": "page_view", "range": DAYS["range"]},
    }[path]
    with slots_taken(0):
        answer = both.get(path, **asked)
    assert (answer.status_code, answer.json()["code"]) == (503, "too_busy")
    assert int(answer["Retry-After"]) >= 1
    settings.QUERY_TIMEOUT_MS = 20_000
    assert both.get(path, **asked).status_code == 200


def test_a_list_of_those_in_a_segment_takes_its_turn(both: Tenant, settings: Settings) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 200
    create_segment(
        project_id=both.id, name="buyers", by="ann", rules=read_rules({"did": {"type": "purchase"}})
    )
    with slots_taken(0):
        assert both.get("/api/users", segment="buyers").json()["code"] == "too_busy"
        settings.QUERY_TIMEOUT_MS = 20_000
        assert both.get("/api/users").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("", 200), ("/size", 200), ("/users.csv", 302)], ids=["page", "size", "file"]
)
def test_pages_say_that_there_is_no_slot(both: Tenant, settings: Settings, path: str, status: int) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 200
    create_segment(
        project_id=both.id, name="buyers", by="ann", rules=read_rules({"did": {"type": "purchase"}})
    )
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    with slots_taken(0):
        answer = client.get(f"/p/acme/segments/buyers{path}")
        assert answer.status_code == status
        shown = client.get("/p/acme/segments").content if status == 302 else answer.content
    assert b"Too many heavy questions" in shown


def test_rollups_and_presence_answer_meanwhile(both: Tenant, settings: Settings) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 2000
    with slots_taken(0):
        found = both.get("/api/metrics", **DAYS)
        table = both.get("/api/retention", range=DAYS["range"], period="day")
    assert (found.status_code, found.json()["series"][0]["total"]) == (200, 1)
    assert table.status_code == 200


def test_a_question_goes_on_when_a_slot_is_free(both: Tenant, settings: Settings) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 20_000
    with ThreadPoolExecutor(1) as pool:
        with slots_taken(0):
            answer = pool.submit(both.get, "/api/metrics", **RAW)
            wait_until(lambda: waiting() == 1)
            assert not answer.done()
        assert [one["group"] for one in answer.result(20).json()["series"]] == [{"props.x": "a"}]


def test_another_slot_is_taken_where_one_is_not_free(both: Tenant, settings: Settings) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 3, 2000
    with slots_taken(0, 2):
        assert both.get("/api/metrics", **RAW).status_code == 200


def test_one_thread_of_a_process_waits_in_the_database(both: Tenant, settings: Settings) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 20_000

    def one() -> None:
        with slot():
            pass

    with ThreadPoolExecutor(6) as pool:
        with slots_taken(0):
            all_of_them = [pool.submit(one) for _ in range(6)]
            wait_until(lambda: waiting() == 1)
            assert sum(done.done() for done in all_of_them) == 0
            assert waiting() == 1
        for done in all_of_them:
            done.result(20)


def test_no_more_run_at_once_than_there_are_slots(both: Tenant, settings: Settings) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 2, 20_000
    with slot(), slot():
        settings.QUERY_TIMEOUT_MS = 200
        with pytest.raises(TooBusy), slot():
            pytest.fail("it had a slot")


def test_who_has_waited_for_something_else_waits_no_longer_for_a_slot(
    both: Tenant, settings: Settings
) -> None:
    settings.QUERY_SLOTS, settings.QUERY_TIMEOUT_MS = 1, 100
    with slots_taken(0), one_deadline():
        time.sleep(0.25)
        settings.QUERY_TIMEOUT_MS = 20_000
        started = time.monotonic()
        with pytest.raises(TooBusy), slot():
            pytest.fail("it had a slot")
    assert time.monotonic() - started < 5


def test_a_slot_that_is_free_is_taken_however_late_it_is(both: Tenant, settings: Settings) -> None:
    settings.QUERY_TIMEOUT_MS = 100
    with one_deadline():
        time.sleep(0.25)
        settings.QUERY_TIMEOUT_MS = 20_000
        with slot() as cursor:
            assert cursor.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.usefixtures("pipeline")
def test_a_heavy_statement_has_one_core_and_waits_for_locks_as_others_do() -> None:
    with asking(heavy=True) as (cursor, _):
        names = ("max_parallel_workers_per_gather", "lock_timeout", "enable_nestloop")
        found = [cursor.execute(f"SHOW {name}".encode()).fetchall() for name in names]
    assert found == [[("0",)], [("0",)], [("off",)]]


@pytest.mark.usefixtures("pipeline")
@pytest.mark.skipif(
    not bootstrap.is_embedded(), reason="TEST_DATABASE_URL: this host need not be the server's"
)
def test_its_backend_is_nice_where_the_server_is_ours() -> None:
    with slot() as cursor:
        nice = os.getpriority(os.PRIO_PROCESS, cursor.connection.info.backend_pid)
    with connect(name="other") as link:
        usual = os.getpriority(os.PRIO_PROCESS, link.info.backend_pid)
    assert nice == min(19, usual + NICE)


@pytest.mark.usefixtures("pipeline")
def test_who_waits_has_no_connection_outside_of_a_transaction() -> None:
    with transaction.atomic(), connection.cursor(), aside():
        assert connection.connection is not None
    with aside():
        assert all(one.connection is None for one in connections.all(initialized_only=True))


@pytest.mark.parametrize(
    ("asked", "heavy"),
    [
        ({}, False),
        ({"step": "1h", "metric": "users"}, False),
        ({"range": "2025-06-02T10:20:30Z/2025-06-04T00:00:07Z", "step": "1h"}, False),
        ({"groupBy": "props.x"}, True),
        ({"filter": "props.x:eq:a"}, True),
        ({"metric": "p95:props.x"}, True),
        ({"metric": "sessions"}, False),
        ({"metric": "sessions", "step": "1m"}, True),
        ({"metric": "sessions", "type": "page_view"}, True),
        ({"metric": "users", "type": "page_view"}, True),
        ({"metric": "users", "segment": "buyers"}, True),
        ({"metric": "users", "segment": "present"}, False),
    ],
)
def test_heavy_is_what_rollups_do_not_answer(both: Tenant, asked: dict[str, Any], heavy: bool) -> None:
    for name, did in (("buyers", {"type": "purchase"}), ("present", {})):
        rules = read_rules({"did": did, "within": "7d"})
        create_segment(project_id=both.id, name=name, by="ann", rules=rules)
    params = {name: [value] for name, value in (DAYS | asked).items()}
    question = parse_question(project_id=both.id, params=params, now=clock.now())
    assert is_heavy(question) is heavy
