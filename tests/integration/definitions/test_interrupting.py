"""A history in the making is killed, given up or erased from, while processors go on: it ends exact."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from config import engine
from config.lib.postgres import connect
from events.erase import erase_user
from events.processor.worker import Worker
from events.purge import purge_project
from metrics.definitions import backfill as module
from metrics.definitions import services
from metrics.definitions.backfill import backfill
from metrics.definitions.removal import remove_given_up
from metrics.models import MetricDefinition
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.definitions_model import assert_exact, define
from tests.support.pipeline import NOON, append, catch_up, event, rows, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ALL: tuple[dict[str, Any], ...] = (
    {"measure": "count", "dimensions": ["type"]},
    {"measure": "users", "match": "page_view"},
    {"measure": "sum", "property": "x"},
    {"measure": "p90", "property": "x", "dimensions": ["props.plan"]},
)
DAYS = 4


def define_all(project: int) -> list[MetricDefinition]:
    return [define(project, f"m{number}", **body) for number, body in enumerate(ALL)]


def some(part: int) -> list[dict[str, Any]]:
    """Events of all days, a tenth of them twice."""
    return [
        event(
            f"u{n % 13}",
            NOON - (n % DAYS) * DAY + n * MINUTE,
            id=f"id-{part}-{n % 90}",
            x=n,
            plan=f"p{n % 3}",
        )
        for n in range(100)
    ]


def fill() -> None:
    with connect(name="test definitions", autocommit=True) as link:
        while backfill(link, seconds=0):
            pass


@pytest.mark.parametrize("span", range(DAYS + 1))
def test_a_backfill_killed_in_any_span_ends_exact_beside_two_processors(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, span: int
) -> None:
    store_all(acme.id, some(0))
    made = define_all(acme.id)
    real, calls = module.recompute, []

    def killed(cursor: psycopg.Cursor[Any], *args: Any) -> None:
        real(cursor, *args)
        calls.append(args)
        if len(calls) == span * len(ALL) + 2:
            rows("SELECT pg_terminate_backend(%s)", cursor.connection.info.backend_pid)

    monkeypatch.setattr(module, "recompute", killed)
    workers = [Worker(engine.processor) for _ in range(2)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        append(acme.id, some(1), size=3)
        with pytest.raises(psycopg.OperationalError):
            fill()
        append(acme.id, some(2), size=3)
        fill()
        wait_until(lambda: not rows("SELECT 1 FROM inbox LIMIT 1"), what="the bus to be empty")
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()
    catch_up()
    assert rows("SELECT count(*) FROM event") == [(3 * 90,)]
    for one in made:
        one.refresh_from_db()
        assert one.state == MetricDefinition.State.KEPT
        assert_exact(one)
    assert_rollups_equal_raw()


def nothing_left(definition: int) -> bool:
    return not any(
        rows(f"SELECT 1 FROM rollup_metric{kind}_{grain} WHERE definition_id = %s LIMIT 1", definition)
        for kind in ("", "_bin", "_user", "_dense")
        for grain in ("1m", "1h", "1d")
    )


def give_up(tenant: Tenant) -> None:
    assert services.give_up(project_id=tenant.id, name="m1", by="test")


def purge(tenant: Tenant) -> None:
    purge_project(tenant.id, store=engine.store(), rollups=engine.rollups())


@pytest.mark.parametrize("removed", [give_up, purge])
def test_a_definition_that_goes_amid_its_backfill_leaves_nothing_and_holds_up_nobody(
    acme: Tenant, globex: Tenant, removed: Callable[[Tenant], None]
) -> None:
    store_all(acme.id, some(0))
    store_all(globex.id, some(1))
    gone, foreign = define(acme.id, "m1", **ALL[1]), define(globex.id, "m1", **ALL[1])
    with connect(name="test definitions", autocommit=True) as link:
        assert backfill(link, seconds=0) == 1
        gone.refresh_from_db()
        assert gone.covered_from is not None
        removed(acme)
        store_all(acme.id, some(2))
        assert backfill(link, seconds=60) > 0
        remove_given_up(link, seconds=60)
    assert nothing_left(gone.pk)
    assert not MetricDefinition.objects.filter(pk=gone.pk).exists()
    foreign.refresh_from_db()
    assert foreign.state == MetricDefinition.State.KEPT
    assert_exact(foreign)


def test_a_definition_given_up_while_a_span_waits_is_not_computed(acme: Tenant) -> None:
    """Between the choice of a definition and the look at it somebody takes it away."""
    store_all(acme.id, some(0))
    one = define(acme.id, "m1", **ALL[1])
    spans: list[int] = []
    with connect(name="claim") as claim:
        claim.execute("SELECT pg_advisory_xact_lock_shared(7313, 0)")

        def computing() -> None:
            with connect(name="test definitions", autocommit=True) as link:
                spans.append(backfill(link, seconds=60))

        thread = threading.Thread(target=computing)
        thread.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND classid = 7313"
        wait_until(lambda: bool(rows(waiting)), what="the backfill to wait")
        give_up(acme)
        claim.rollback()
    thread.join()
    assert spans == [0]
    assert nothing_left(one.pk)


def test_who_is_erased_amid_a_backfill_is_in_none_of_its_days(acme: Tenant) -> None:
    store_all(acme.id, some(0))
    made = define_all(acme.id)
    with connect(name="test definitions", autocommit=True) as link:
        for _ in ALL:
            backfill(link, seconds=0)
        backfill(link, seconds=0)
        erase_user(project_id=acme.id, user_id="u3", store=engine.store(), rollups=engine.rollups())
    fill()
    assert rows("SELECT count(*) FROM event WHERE user_id = 'u3'") == [(0,)]
    for one in made:
        assert_exact(one)
    assert_rollups_equal_raw()


def test_days_that_are_computed_again_amid_a_backfill_stay_exact(acme: Tenant) -> None:
    store_all(acme.id, some(0))
    made = define_all(acme.id)
    with connect(name="test definitions", autocommit=True) as link:
        for _ in range(len(ALL) + 2):
            backfill(link, seconds=0)
        engine.rollups().rebuild(link, (NOON - 9 * DAY).replace(hour=0), (NOON + DAY).replace(hour=0))
    fill()
    for one in made:
        assert_exact(one)
    assert_rollups_equal_raw()
