"""Definitions stay exact while everything else happens: processors, kills, aliases, erasures, removals, retention."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from config import engine
from config.lib.postgres import connect
from events.erase import erase_user
from events.maintenance import drop_before
from events.processor.worker import Worker
from events.purge import purge_project
from metrics import versions
from metrics.definitions import backfill as module
from metrics.definitions import services
from metrics.definitions.backfill import backfill
from metrics.definitions.folding import fold
from metrics.definitions.mending import mend_stale
from metrics.definitions.removal import remove_given_up
from metrics.definitions.tending import tend
from metrics.models import MetricDefinition
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.definitions_model import assert_exact, define, kept
from tests.support.pipeline import NOON, append, catch_up, event, process_all, rows, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ALL = ({"measure": "count", "dimensions": ["type"]}, {"measure": "users"}, {"measure": "sum", "property": "x"},
       {"measure": "p90", "property": "x", "dimensions": ["props.plan"]})  # fmt: skip
_TABLES = [
    f"rollup_metric{kind}_{grain}" for kind in ("", "_bin", "_user", "_dense") for grain in ("1m", "1h", "1d")
]


def define_all(project: int) -> list[MetricDefinition]:
    return [define(project, f"m{number}", **body) for number, body in enumerate(ALL)]


def tend_all() -> None:
    with connect(name="test definitions", autocommit=True) as link:
        tend(link, seconds=60)


def rows_kept() -> int:
    return sum(rows(f"SELECT count(*) FROM {table}")[0][0] for table in _TABLES)


@contextmanager
def processors(number: int) -> Iterator[None]:
    workers = [Worker(engine.processor) for _ in range(number)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()


def test_definitions_made_while_two_processors_store_miss_nothing_and_count_nothing_twice(
    acme: Tenant,
) -> None:
    def some(part: int) -> None:
        # Half of them late, some twice, users of both processors in the same minutes.
        append(
            acme.id,
            [
                event(
                    f"u{n % 13}",
                    NOON - (n % 4) * DAY + n * MINUTE,
                    id=f"id-{part}-{n % 180}",
                    x=n,
                    plan=f"p{n % 3}",
                )
                for n in range(200)
            ],
            size=5,
        )

    some(0)
    made: list[MetricDefinition] = []
    with processors(2):
        for part in range(1, 5):
            made.append(define(acme.id, f"m{part}", **ALL[part - 1]))
            some(part)
            tend_all()
        wait_until(lambda: not rows("SELECT 1 FROM inbox LIMIT 1"), what="the bus to be empty")
    tend_all()
    assert rows("SELECT count(*) FROM event") == [(5 * 180,)]
    for one in made:
        one.refresh_from_db()
        assert (one.state, one.progress) == (MetricDefinition.State.KEPT, 100)
        assert_exact(one)
    assert_rollups_equal_raw()


def test_a_backfill_that_was_killed_goes_on_where_it_was(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_all(acme.id, [event(f"u{n}", NOON - n * DAY, x=n) for n in range(5)])
    one = define(acme.id, measure="sum", property="x")
    with connect(name="test definitions", autocommit=True) as link:
        backfill(link, seconds=0)
        backfill(link, seconds=0)
        one.refresh_from_db()
        edge = one.covered_from
        real = module.recompute

        def killed(*args: object, **kwargs: object) -> None:
            real(*args, **kwargs)  # type: ignore[arg-type]
            rows("SELECT pg_terminate_backend(%s)", link.info.backend_pid)

        monkeypatch.setattr(module, "recompute", killed)
        with pytest.raises(psycopg.OperationalError):
            backfill(link, seconds=0)
    monkeypatch.undo()
    one.refresh_from_db()
    assert one.covered_from == edge
    tend_all()
    assert_exact(one)


def test_a_definition_that_fails_says_why_and_holds_up_no_other(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_all(acme.id, [event()])
    bad, good = define(acme.id, "bad"), define(acme.id, "good")
    real = module.recompute

    def failing(cursor: psycopg.Cursor[object], definitions: list[MetricDefinition], *args: object) -> None:
        if definitions[0].id == bad.pk:
            cursor.execute("SELECT 1 / 0")
        real(cursor, definitions, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "recompute", failing)
    tend_all()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, bad.message) == ("building", "DivisionByZero: division by zero")
    assert good.state == "kept"
    monkeypatch.undo()
    tend_all()
    bad.refresh_from_db()
    assert (bad.state, bad.message) == ("kept", "")


def test_a_backfill_can_be_stopped_and_gone_on_with(acme: Tenant) -> None:
    store_all(acme.id, [event(ts=NOON - n * DAY) for n in range(5)])
    one = define(acme.id)
    with connect(name="test definitions", autocommit=True) as link:
        backfill(link, seconds=0)
        assert services.stop(id=one.pk, by="test")
        assert backfill(link, seconds=30) == 0
        assert services.go_on(id=one.pk)
        assert backfill(link, seconds=30) > 0
    assert_exact(one)


def test_one_worker_at_a_time_tends(acme: Tenant) -> None:
    define(acme.id)
    with connect(name="first", autocommit=True) as first, connect(name="second", autocommit=True) as second:
        tend(first, seconds=1)
        assert tend(second, seconds=1) == "another worker is at it"


def test_an_alias_makes_one_person_of_two_also_in_the_past(acme: Tenant, globex: Tenant) -> None:
    alias = {"type": "alias", "props": {"alias": "anon"}}
    made = [
        define(acme.id, "all", measure="users"),
        define(acme.id, "by_type", measure="users", dimensions=["type"]),
    ]
    foreign = define(globex.id, "all", measure="users")
    visits = [event(user, NOON + n * MINUTE) for n, user in enumerate(["anon", "ann", "bob", "anon"])]
    store_all(acme.id, [*visits, event("anon", NOON - DAY)])
    store_all(globex.id, visits)
    tend_all()
    assert list(kept(made[0], "1d").values()) == [1, 3]
    store_all(acme.id, [event("ann", NOON + DAY) | alias])
    catch_up()
    assert sorted(kept(made[0], "1d").values()) == [1, 1, 2]
    store_all(acme.id, [event("anon", NOON + DAY)])
    for one in (*made, foreign):
        assert_exact(one)
    assert_rollups_equal_raw()
    assert rows("SELECT count(*) FROM metric_note") == [(0,)]


def test_a_chain_of_aliases_ends_with_one_person(acme: Tenant) -> None:
    one = define(acme.id, measure="users")
    store_all(acme.id, [event(user) for user in ("a", "b", "c", "d")])
    for alias, user in (("a", "b"), ("b", "c"), ("c", "d")):
        store_all(acme.id, [event(user, type="alias", alias=alias)])
        catch_up()
        assert_exact(one)
    assert list(kept(one, "1d").values()) == [1]


def test_an_alias_costs_nothing_where_no_users_are_counted(acme: Tenant) -> None:
    define(acme.id)
    store_all(acme.id, [event("ann", type="alias", alias="anon")])
    assert rows("SELECT count(*) FROM metric_note") == [(0,)]


def test_an_erased_user_is_in_no_rollup(acme: Tenant, globex: Tenant) -> None:
    made, foreign = define_all(acme.id), define_all(globex.id)
    events = [event(f"u{n % 3}", NOON + n * MINUTE - (n % 2) * DAY, x=n, plan="pro") for n in range(30)]
    for tenant in (acme, globex):
        store_all(tenant.id, [one | {"eventId": f"{tenant.id}-{n}"} for n, one in enumerate(events)])
    tend_all()
    erase_user(project_id=acme.id, user_id="u1", store=engine.store(), rollups=engine.rollups())
    assert rows("SELECT count(*) FROM event WHERE project_id = %s", acme.id) == [(20,)]
    for one in (*made, *foreign):
        assert_exact(one)
    assert_rollups_equal_raw()


def test_a_removed_project_leaves_nothing(acme: Tenant, globex: Tenant) -> None:
    define_all(acme.id)
    foreign = define_all(globex.id)
    for tenant in (acme, globex):
        store_all(tenant.id, [event(x=1)])
    tend_all()
    before = rows_kept()
    purge_project(acme.id, store=engine.store(), rollups=engine.rollups())
    assert rows_kept() == before / 2
    assert MetricDefinition.objects.count() == len(foreign)
    for one in foreign:
        assert_exact(one)


def test_a_definition_that_was_given_up_goes_piece_by_piece(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = define_all(acme.id)
    store_all(acme.id, [event(f"u{n}", NOON + n * MINUTE, x=n) for n in range(20)])
    monkeypatch.setattr("metrics.definitions.removal._CHUNK", 7)
    for one in made:
        assert services.give_up(project_id=acme.id, name=one.name, by="test")
        assert not services.give_up(project_id=acme.id, name=one.name, by="test")
    with connect(name="test definitions", autocommit=True) as link:
        before = rows_kept()
        assert remove_given_up(link, seconds=-1) == 0
        assert rows_kept() == before - 7
        assert remove_given_up(link, seconds=60) == len(made)
    assert rows_kept() == 0


def test_days_whose_events_were_dropped_keep_their_rollups_and_new_definitions_stop_there(
    acme: Tenant,
) -> None:
    old, new = NOON - 10 * DAY, NOON
    store_all(acme.id, [event(ts=old, x=1), event(ts=new, x=2)])
    before = define(acme.id, "before", measure="sum", property="x")
    tend_all()
    day = (old + DAY).date()
    assert drop_before(store=engine.store(), rollups=engine.rollups(), day=day)
    after = define(acme.id, "after", measure="sum", property="x")
    tend_all()
    for one in (before, after):
        one.refresh_from_db()
        assert one.state == "kept"
    assert [total for _, total, _, _ in kept(before, "1d").values()] == [1, 2]
    assert after.covered_from is not None and after.covered_from.date() == engine.rollups().sealed_before(
        connect(name="look").cursor()
    )
    assert [total for _, total, _, _ in kept(after, "1d").values()] == [2]
    with connect(name="test rollups", autocommit=True) as link:
        engine.rollups().rebuild(link, old - DAY, new + DAY)
    assert [total for _, total, _, _ in kept(before, "1d").values()] == [1, 2]


def test_a_folded_group_that_an_alias_made_too_great_is_mended(acme: Tenant) -> None:
    one = define(acme.id, measure="users")
    store_all(acme.id, [event(f"u{n}") for n in range(50)])
    tend_all()
    with connect(name="test definitions", autocommit=True) as link:
        assert fold(link, NOON - DAY, NOON + DAY, most=20) == 3
        store_all(acme.id, [event(f"u{n + 1}", type="alias", alias=f"u{n}") for n in range(0, 50, 2)])
        catch_up()
        assert rows("SELECT stale FROM rollup_metric_dense_1d") == [(True,)]
        assert_rollups_equal_raw()
        before = versions.version_of(acme.id)
        assert mend_stale(link) == 1
        assert versions.version_of(acme.id) > before, "answers that counted somebody twice are old"
        assert mend_stale(link) == 0
    assert rows("SELECT count(*) FROM rollup_metric_dense_1d") == [(0,)]
    assert_exact(one)


def test_a_claim_that_began_before_the_definition_is_counted(acme: Tenant) -> None:
    """The first span waits for claims that did not know the definition, and sees what they stored."""
    append(acme.id, [event(x=1)])
    with connect(name="claim") as claim:
        claim.execute("LOCK TABLE rollup_metric_1m IN ROW EXCLUSIVE MODE")
        one = define(acme.id)
        tending = threading.Thread(target=tend_all)
        tending.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'rollup_metric_1m'::regclass"
        wait_until(lambda: bool(rows(waiting)), what="the backfill to wait for the claim")
        claim.rollback()
    tending.join()
    process_all()
    assert_exact(one)
