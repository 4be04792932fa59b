"""Definitions stay exact while everything else happens: processors, kills, aliases, erasures, removals, retention."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from pytest_django import Settings

from config import engine
from config.lib import clock
from config.lib.postgres import connect
from events.erase import erase_user
from events.maintenance import drop_before
from events.processor.worker import Worker
from events.purge import purge_project
from metrics import versions
from metrics.definitions import aliases, cost, locks, services
from metrics.definitions import backfill as module
from metrics.definitions import kept as whole
from metrics.definitions.aliases import move_noted
from metrics.definitions.backfill import backfill
from metrics.definitions.folding import fold
from metrics.definitions.mending import mend_stale
from metrics.definitions.removal import remove_given_up
from metrics.definitions.spec import Definition
from metrics.definitions.tending import tend
from metrics.errors import Going
from metrics.models import MetricDefinition
from metrics.segments.services import create_segment
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
    assert (bad.state, bad.message) == ("stopped", "DivisionByZero: division by zero")
    assert good.state == "kept"
    monkeypatch.undo()
    assert services.go_on(id=bad.pk, by="ann")
    tend_all()
    bad.refresh_from_db()
    assert (bad.state, bad.message) == ("kept", "")


def test_what_fails_for_a_while_is_tried_again_and_what_fails_always_is_stopped(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = define(acme.id)
    monkeypatch.setattr(module, "_MOST_FAILURES", 2)

    def failing(*args: object) -> None:
        raise psycopg.errors.DiskFull("disk full")

    monkeypatch.setattr(module, "recompute", failing)
    for state in ("building", "stopped"):
        tend_all()
        one.refresh_from_db()
        assert (one.state, one.message) == (state, "DiskFull: disk full")


def test_going_on_after_days_were_dropped_keeps_what_was_covered(acme: Tenant) -> None:
    store_all(acme.id, [event(ts=NOON - n * DAY) for n in range(5)])
    one = define(acme.id)
    with connect(name="test definitions", autocommit=True) as link:
        for _ in range(3):
            backfill(link, seconds=0)
        services.stop(id=one.pk, by="ann")
        one.refresh_from_db()
        covered = one.covered_from
        assert covered == NOON.replace(hour=0) - DAY
        assert drop_before(store=engine.store(), rollups=engine.rollups(), day=(NOON + DAY).date())
        services.go_on(id=one.pk, by="ann")
        backfill(link, seconds=30)
    one.refresh_from_db()
    assert (one.state, one.covered_from) == ("kept", covered)


@pytest.mark.parametrize("body", [{}, {"measure": "users"}, {"measure": "p90", "property": "x"}])
def test_a_definition_of_too_many_groups_is_stopped_and_read_raw(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, settings: Settings, body: dict[str, str]
) -> None:
    settings.DEFINITION_POINTS = 30
    monkeypatch.setattr(cost, "GROUPS_A_POINT", 0.1)
    now = clock.now()
    small, one = define(acme.id, "small"), define(acme.id, dimensions=["props.path"], **body)
    tend_all()
    store_all(acme.id, [event(f"u{n}", now, path=f"/{n}", x=n) for n in range(6)])
    tend_all()
    one.refresh_from_db()
    assert (one.state, one.covered_from) == ("stopped", None)
    assert one.message.startswith("Stopped: ")
    store_all(acme.id, [event(f"u{n}", now, path=f"/{n}") for n in range(7)])
    # Of the other: the same minute, hour and day.
    assert rows_kept() <= 6
    assert_exact(small)
    span = f"{now.date()}/{(now + DAY).date()}"
    answer = acme.get("/api/metrics", metric="mine", range=span, step="1d").json()
    assert answer["series"][0]["total"] == {"count": 13, "users": 7, "percentile": 4.5}[one.measure]


def test_history_of_too_many_groups_is_not_kept(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.DEFINITION_POINTS = 30
    monkeypatch.setattr(cost, "GROUPS_A_POINT", 0.1)
    store_all(acme.id, [event(ts=NOON, path=f"/{n}") for n in range(6)])
    one = define(acme.id, dimensions=["props.path"])
    tend_all()
    one.refresh_from_db()
    assert (one.state, one.covered_from, rows_kept()) == ("stopped", None, 0)


def test_who_computes_a_day_holds_no_claim_up_for_long(acme: Tenant) -> None:
    """A claim at work keeps him waiting; those who come after it need not wait until it ends."""
    one = define(acme.id)
    with connect(name="claim") as claim, connect(name="test definitions", autocommit=True) as link:
        claim.execute("SELECT pg_advisory_xact_lock_shared(7313, 0)")
        began = time.monotonic()
        assert backfill(link, seconds=0) == 0
        assert time.monotonic() - began < 5
        one.refresh_from_db()
        assert (one.state, one.message) == ("building", "")


def test_users_that_cannot_be_moved_hold_up_no_other_project(
    acme: Tenant, globex: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = define(acme.id, measure="users"), define(globex.id, measure="users")
    for tenant in (acme, globex):
        append(tenant.id, [event("ann"), event("anon"), event("ann", type="alias", alias="anon")])
    consumer, pipeline = engine.processor()
    while ids := consumer.claim(1000):
        pipeline.run(ids)
    consumer.close()
    pipeline.close()
    real = aliases._take_out

    def failing(cursor: psycopg.Cursor[object], definition: Definition, values: dict[str, object]) -> None:
        if definition.id == one.pk:
            cursor.execute("SELECT 1 / 0")
        real(cursor, definition, values)

    monkeypatch.setattr(aliases, "_take_out", failing)
    with connect(name="test definitions", autocommit=True) as link:
        assert not move_noted(link, seconds=60)
        assert_exact(other)
        monkeypatch.undo()
        assert move_noted(link, seconds=60)
    assert_exact(one)


def test_a_metric_of_a_project_that_is_being_removed_is_refused(acme: Tenant) -> None:
    rows("UPDATE project SET removing = true WHERE id = %s RETURNING 1", acme.id)
    with pytest.raises(Going):
        define(acme.id)
    with pytest.raises(Going):
        create_segment(project_id=acme.id, name="some", by="test", users=["ann"])


def test_a_removed_project_keeps_no_claim_waiting(acme: Tenant, globex: Tenant) -> None:
    """Its rows go before the transaction that must be whole, which takes no lock that others want."""
    define_all(acme.id)
    store_all(acme.id, [event(f"u{n}", x=n) for n in range(20)])
    inner, seen = engine.rollups(), []
    real = inner.erase

    def watched(cursor: psycopg.Cursor[object], *, project_id: int) -> None:
        seen.append(rows_kept())
        real(cursor, project_id=project_id)
        with connect(name="tends", autocommit=True) as other, other.transaction():
            locks.be_alone(other)

    inner.erase = watched  # type: ignore[method-assign]
    try:
        purge_project(acme.id, store=engine.store(), rollups=inner)
    finally:
        inner.erase = real  # type: ignore[method-assign]
    assert seen == [0]
    assert not MetricDefinition.objects.exists()


def test_who_has_several_ids_is_erased_with_each_day_computed_once(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = define(acme.id, measure="users")
    ids = ["ann", *(f"anon{n}" for n in range(5))]
    store_all(acme.id, [event(user, NOON - (n % 2) * DAY) for user in [*ids, "bob"] for n in range(2)])
    store_all(acme.id, [event("ann", type="alias", alias=other) for other in ids[1:]])
    tend_all()
    catch_up()
    spans = []
    real = whole.recompute

    def counted(*args: object, **kwargs: object) -> None:
        spans.append(args[2:])
        real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(whole, "recompute", counted)
    erase_user(project_id=acme.id, user_id="ann", store=engine.store(), rollups=engine.rollups())
    assert len(spans) == 2
    assert list(kept(one, "1d").values()) == [1, 1]
    assert_exact(one)


def test_a_backfill_can_be_stopped_and_gone_on_with(acme: Tenant) -> None:
    store_all(acme.id, [event(ts=NOON - n * DAY) for n in range(5)])
    one = define(acme.id)
    with connect(name="test definitions", autocommit=True) as link:
        backfill(link, seconds=0)
        assert services.stop(id=one.pk, by="test")
        assert backfill(link, seconds=30) == 0
        assert services.go_on(id=one.pk, by="ann")
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


def test_a_folded_group_that_aliases_made_too_great_is_read_raw_and_mended(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("definitions.mending", "query.stale"):
        monkeypatch.setattr(f"metrics.{name}.STALE_USERS", 25)
    span = f"{NOON.date()}/{(NOON + DAY).date()}"
    one = define(acme.id, measure="users", match="page_view")
    store_all(acme.id, [event(f"u{n}") for n in range(50)])
    tend_all()
    with connect(name="test definitions", autocommit=True) as link:
        assert fold(link, NOON - DAY, NOON + DAY, most=20) == 3
        store_all(acme.id, [event(f"u{n + 1}", type="alias", alias=f"u{n}") for n in range(0, 50, 2)])
        catch_up()
        assert rows("SELECT stale FROM rollup_metric_dense_1d") == [(25,)]
        assert_rollups_equal_raw()
        answer = acme.get("/api/metrics", metric="mine", range=span, step="1d").json()
        assert (answer["series"][0]["total"], answer["source"]) == (25, "event")
        before = versions.version_of(acme.id)
        assert mend_stale(link, seconds=60) == 1
        assert versions.version_of(acme.id) > before, "answers that counted somebody twice are old"
        assert mend_stale(link, seconds=60) == 0
    assert rows("SELECT count(*) FROM rollup_metric_dense_1d") == [(0,)]
    assert_exact(one)


def test_a_claim_that_began_before_the_definition_is_counted(acme: Tenant) -> None:
    """The first span waits for claims that did not know the definition, and sees what they stored."""
    append(acme.id, [event(x=1)])
    with connect(name="claim") as claim:
        claim.execute("SELECT pg_advisory_xact_lock_shared(7313, 0)")
        one = define(acme.id)
        tending = threading.Thread(target=tend_all)
        tending.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND classid = 7313"
        wait_until(lambda: bool(rows(waiting)), what="the backfill to wait for the claim")
        claim.rollback()
    tending.join()
    process_all()
    assert_exact(one)
