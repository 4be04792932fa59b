"""Large groups of users are folded into registers: nobody is lost, whoever else writes or ends meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.cache import caches
from django.db import connection

from config import engine
from config.lib.postgres import connect
from events.erase import erase_user
from events.maintenance import drop_before
from events.purge import purge_project
from metrics.definitions import folding, services
from metrics.definitions.folding import fold
from metrics.definitions.mending import mend_stale
from metrics.definitions.spec import DAY as DAILY
from metrics.definitions.spec import DENSE_USERS
from metrics.definitions.tending import sweep, tend
from metrics.models import MetricDefinition
from metrics.query.sketches import STANDARD_ERROR, estimate
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.definitions_model import assert_exact, define
from tests.support.pipeline import NOON, append, catch_up, event, process_all, rows, store_all
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until

DAY = timedelta(days=1)
GRAINS = ("1m", "1h", "1d")
SPAN = (NOON - DAY, NOON + DAY)
#: Whether a fold waits for somebody.
WAITING = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'sluice test folding' AND wait_event_type = 'Lock'"


def registers_of(users: set[str]) -> bytes:
    """Compute the registers one by one, as the paper says: the place of the first 1 among the last 50 bits."""
    made = bytearray(2**14)
    for (hashed,) in rows("SELECT hashtextextended(u, 0) FROM unnest(%s::text[]) AS u", sorted(users)):
        bits = f"{hashed & (1 << 64) - 1:064b}"
        made[int(bits[:14], 2)] = max(made[int(bits[:14], 2)], (bits[14:] + "1").index("1") + 1)
    return bytes(made)


def folded(definition: MetricDefinition, grain: str) -> list[bytes]:
    query = (
        f"SELECT registers FROM rollup_metric_dense_{grain} WHERE definition_id = %s ORDER BY bucket, dim1"
    )
    return [bytes(packed) for (packed,) in rows(query, definition.pk)]


def beside(definition: MetricDefinition, grain: str) -> int:
    """Return how many users are kept as rows."""
    query = f"SELECT count(DISTINCT hash) FROM rollup_metric_user_{grain} WHERE definition_id = %s"
    return int(rows(query, definition.pk)[0][0])


def names(start: int, end: int) -> set[str]:
    return {f"u{n}" for n in range(start, end)}


def insert(definition: MetricDefinition, users: set[str], *, days: int = 0) -> None:
    """Enter users as a processor would, without their events."""
    with connection.cursor() as cursor:
        for grain, unit in zip(GRAINS, ("minute", "hour", "day"), strict=True):
            cursor.execute(
                f"INSERT INTO rollup_metric_user_{grain} (definition_id, bucket, hash) "
                f"SELECT %s, date_trunc('{unit}', %s::timestamptz, 'UTC'), hashtextextended(u, 0) "
                "FROM unnest(%s::text[]) AS u",
                [definition.pk, NOON + days * DAY, sorted(users)],
            )


def tended(tenant: Tenant, **body: Any) -> MetricDefinition:
    """Make a metric of users whose history, of nothing, is computed."""
    made = define(tenant.id, **{"measure": "users", "match": "page_view"} | body)
    with link() as owner:
        tend(owner, seconds=60)
    return made


@contextmanager
def link() -> Iterator[psycopg.Connection[Any]]:
    with connect(name="test folding", autocommit=True) as opened:
        yield opened


def asked(tenant: Tenant, days: int = 1, **more: str) -> dict[str, Any]:
    span = f"{NOON.date()}/{(NOON + days * DAY).date()}"
    answer = tenant.get("/api/metrics", metric="mine", range=span, step="1d", **more)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_registers_are_those_of_a_computation_one_by_one(acme: Tenant, globex: Tenant) -> None:
    one, foreign = tended(acme), tended(globex)
    insert(one, names(0, 6000))
    insert(foreign, names(0, 10))
    with link() as owner:
        assert fold(owner, *SPAN) == 3
        assert fold(owner, *SPAN) == 0
        assert [folded(one, grain) for grain in GRAINS] == [[registers_of(names(0, 6000))]] * 3
        insert(one, names(5900, 7000))
        assert fold(owner, *SPAN) == 3
    assert [folded(one, grain) for grain in GRAINS] == [[registers_of(names(0, 7000))]] * 3
    assert [beside(one, grain) for grain in GRAINS] == [0, 0, 0]
    assert (beside(foreign, "1d"), folded(foreign, "1d")) == (10, [])
    assert asked(acme)["series"][0]["total"] == pytest.approx(7000, rel=3 * STANDARD_ERROR)


def test_up_to_the_bound_users_are_counted_however_often_they_stand(acme: Tenant) -> None:
    one = tended(acme)
    for _ in range(2):
        insert(one, names(0, DENSE_USERS))
    with link() as owner:
        assert fold(owner, *SPAN) == 0
    found = asked(acme)
    assert (found["series"][0]["total"], found["series"][0]["points"][0][1]) == (DENSE_USERS, DENSE_USERS)
    assert "accuracy" not in found or found["accuracy"] is None


def test_large_days_are_united_with_small_ones_and_with_who_came_since(acme: Tenant) -> None:
    one = tended(acme)
    insert(one, names(0, 8000))
    insert(one, names(4000, 12_000), days=1)
    insert(one, names(11_000, 13_000), days=2)
    with link() as owner:
        assert fold(owner, NOON - DAY, NOON + 3 * DAY) == 6
    insert(one, names(8000, 11_000))
    found = asked(acme, days=3)
    (series,) = found["series"]
    assert [value for _, value in series["points"]] == [
        estimate(registers_of(names(0, 11_000))),
        estimate(registers_of(names(4000, 12_000))),
        2000,
    ]
    assert series["points"][0][1] == pytest.approx(11_000, rel=0.02)
    assert series["total"] == estimate(registers_of(names(0, 13_000))) == pytest.approx(13_000, rel=0.02)
    assert found["accuracy"]["kind"] == "hyperloglog"


def test_few_rows_wait_until_the_bucket_is_over(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    one = tended(acme)
    insert(one, names(0, 100))
    with link() as owner:
        monkeypatch.setattr(folding.clock, "now", lambda: NOON)
        assert fold(owner, *SPAN, most=50) == 3
        insert(one, names(100, 110))
        assert fold(owner, *SPAN, most=50) == 0
        insert(one, names(110, 200), days=-30)
        monkeypatch.setattr(folding, "_WORTH", 5)
        assert fold(owner, *SPAN) == 3
        monkeypatch.setattr(folding, "_WORTH", 500)
        insert(one, names(110, 120))
        # The minute is over, the hour is not.
        monkeypatch.setattr(folding.clock, "now", lambda: NOON + timedelta(minutes=1))
        assert fold(owner, *SPAN) == 1
        monkeypatch.setattr(folding.clock, "now", lambda: NOON + DAY)
        assert fold(owner, *SPAN) == 2
    assert folded(one, "1d") == [registers_of(names(0, 120))]


def test_processors_and_two_who_fold_lose_nobody(acme: Tenant) -> None:
    one = tended(acme)
    ended, folds = threading.Event(), []

    def keep_folding() -> None:
        with link() as owner:
            while not ended.is_set():
                folds.append(fold(owner, *SPAN, most=20))

    threads = [threading.Thread(target=keep_folding) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for part in range(8):
            append(acme.id, [event(f"u{n}") for n in range(part * 60, part * 60 + 100)], size=20)
            process_all()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert sum(folds) > 0
    with link() as owner:
        fold(owner, *SPAN, most=20)
    assert [folded(one, grain) for grain in GRAINS] == [[registers_of(names(0, 520))]] * 3
    assert_rollups_equal_raw()


def test_who_is_entered_while_a_fold_is_at_work_stays(acme: Tenant) -> None:
    """Rows that a fold has not seen are neither removed nor in the registers, and the next one takes them."""
    one = tended(acme)
    insert(one, names(0, 100))
    with connect(name="claim") as claim:
        claim.execute("SELECT pg_advisory_xact_lock_shared(7313, 0)")
        claim.execute(
            "INSERT INTO rollup_metric_user_1d (definition_id, bucket, hash) "
            "VALUES (%s, date_trunc('day', %s::timestamptz, 'UTC'), hashtextextended('late', 0))",
            [one.pk, NOON],
        )
        with link() as owner:
            assert fold(owner, *SPAN, most=50) == 3
        claim.commit()
    assert folded(one, "1d") == [registers_of(names(0, 100))]
    assert beside(one, "1d") == 1
    with link() as owner:
        assert fold(owner, *SPAN, most=50) == 1
    assert folded(one, "1d") == [registers_of(names(0, 100) | {"late"})]


@contextmanager
def interrupted(patch: pytest.MonkeyPatch, block: str, act: Callable[[], None]) -> Iterator[None]:
    """Fold in another thread, and `act` once before a statement about the day; the fold goes on when it returns."""
    real, acted = folding._on, []

    def acting(wanted: str, grain: Any) -> Any:
        if (wanted, grain) == (block, DAILY) and not acted:
            acted.append(1)
            act()
        return real(wanted, grain)

    def other() -> None:
        with link() as owner:
            fold(owner, *SPAN, most=50)

    patch.setattr(folding, "_on", acting)
    thread = threading.Thread(target=other)
    thread.start()
    yield
    thread.join()
    assert acted


def test_of_two_who_fold_one_group_the_second_adds_to_what_the_first_wrote(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tended(acme)
    insert(one, names(0, 100))
    with link() as owner:
        fold(owner, *SPAN, most=50)
    insert(one, names(100, 200))
    group = {"definition": one.pk, "bucket": NOON.replace(hour=0), "dim1": None, "dim2": None}
    with connect(name="first") as first:

        def overtake() -> None:
            folding._fold(first, DAILY, group)
            insert(one, names(200, 300))
            connection.close()

        with interrupted(monkeypatch, "hold", overtake):
            wait_until(lambda: bool(rows(WAITING)), what="the second fold to wait for the first")
            first.commit()
    assert folded(one, "1d") == [registers_of(names(0, 300))]


def test_an_alias_that_comes_amid_a_fold_waits_and_finds_its_registers(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tended(acme)
    store_all(acme.id, [event(f"u{n}") for n in range(60)])
    append(acme.id, [event("u1", type="alias", alias="u0")])
    consumer, pipeline = engine.processor()
    while ids := consumer.claim(1000):
        pipeline.run(ids)
    consumer.close()
    pipeline.close()
    monkeypatch.setattr("metrics.definitions.mending.STALE_USERS", 1)
    ready, moving = threading.Event(), threading.Thread(target=catch_up)
    go_on = threading.Event()

    def pause() -> None:
        ready.set()
        assert go_on.wait(30)

    with interrupted(monkeypatch, "fill", pause):
        assert ready.wait(30)
        moving.start()
        blocked = WAITING.replace("sluice test folding", "sluice test rollups")
        wait_until(lambda: bool(rows(blocked)), what="the move to wait for the fold")
        go_on.set()
    moving.join()
    assert rows("SELECT stale FROM rollup_metric_dense_1d") == [(1,)]
    with link() as owner:
        assert mend_stale(owner, seconds=60) == 1
    assert_exact(one)
    assert_rollups_equal_raw()


@pytest.mark.parametrize("block", ["open", "hold", "take", "fill"])
def test_a_fold_that_is_killed_leaves_what_was(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    one = tended(acme)
    insert(one, names(0, 100))
    real = folding._on

    def killing(wanted: str, grain: Any) -> Any:
        if wanted == block and grain.suffix == "1h":
            rows("SELECT pg_terminate_backend(%s)", owner.info.backend_pid)
        return real(wanted, grain)

    with link() as owner:
        monkeypatch.setattr(folding, "_on", killing)
        with pytest.raises(psycopg.OperationalError):
            fold(owner, *SPAN, most=50)
    monkeypatch.undo()
    assert (beside(one, "1m"), beside(one, "1h"), beside(one, "1d")) == (0, 100, 100)
    assert (len(folded(one, "1m")), folded(one, "1h")) == (1, [])
    with link() as owner:
        assert fold(owner, *SPAN, most=50) == 2
    assert [folded(one, grain) for grain in GRAINS] == [[registers_of(names(0, 100))]] * 3


def test_a_question_that_reads_while_a_fold_commits_sees_everybody_once(acme: Tenant) -> None:
    one = tended(acme)
    insert(one, names(0, 100))
    found: list[int] = []
    ended = threading.Event()

    def keep_folding() -> None:
        with link() as owner:
            for _ in range(11):
                with connect(name="enter", autocommit=True) as entering:
                    entering.execute(
                        "INSERT INTO rollup_metric_user_1d (definition_id, bucket, hash) "
                        "SELECT %s, date_trunc('day', %s::timestamptz, 'UTC'), hashtextextended('u' || n, 0) "
                        "FROM generate_series(0, 99) AS n",
                        [one.pk, NOON],
                    )
                fold(owner, *SPAN, most=50)
        ended.set()

    thread = threading.Thread(target=keep_folding)
    thread.start()
    while not ended.is_set():
        caches["answers"].clear()
        found.append(asked(acme)["series"][0]["total"])
    thread.join()
    assert len(found) > 3
    assert set(found) <= {99, 100, 101}


def test_history_is_folded_while_it_is_computed(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "DENSE_USERS", 20)
    store_all(acme.id, [event(f"u{n}", NOON - (n % 3) * DAY) for n in range(90)])
    store_all(acme.id, [event(f"u{n}", NOON - 5 * DAY) for n in range(10)])
    one = tended(acme)
    by_day = [{f"u{n}" for n in range(90) if n % 3 == day} for day in (2, 1, 0)]
    assert [folded(one, grain) for grain in GRAINS] == [[registers_of(users) for users in by_day]] * 3
    assert beside(one, "1d") == 10
    assert_rollups_equal_raw()


def test_a_check_finds_a_register_that_is_wrong(acme: Tenant) -> None:
    one = tended(acme)
    store_all(acme.id, [event(f"u{n}") for n in range(30)])
    with link() as owner:
        assert fold(owner, *SPAN, most=20) == 3
    store_all(acme.id, [event(f"u{n}") for n in range(30, 40)])
    assert_rollups_equal_raw()
    right = folded(one, "1h")[0]
    place = next(n for n, rank in enumerate(right) if rank)
    for wrong in (0, right[place] + 1):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE rollup_metric_dense_1h SET registers = set_byte(registers, %s, %s)", [place, wrong]
            )
        with pytest.raises(AssertionError, match=f"register {place}"):
            assert_rollups_equal_raw()
    with connect(name="test rollups", autocommit=True) as owner:
        engine.rollups().rebuild(owner, NOON.replace(hour=0), NOON.replace(hour=0) + DAY)
    assert_rollups_equal_raw()
    assert (folded(one, "1h"), beside(one, "1h")) == ([], 40)


def test_an_erased_user_is_in_no_register_of_a_day_that_is_stored(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "DENSE_USERS", 20)
    one = tended(acme)
    store_all(acme.id, [event(f"u{n}", NOON - days * DAY) for n in range(30) for days in (0, 10)])
    with link() as owner:
        assert fold(owner, NOON - 11 * DAY, NOON + DAY, most=20) == 6
    assert drop_before(store=engine.store(), rollups=engine.rollups(), day=(NOON - 5 * DAY).date())
    store_all(acme.id, [event("u7", NOON - 10 * DAY)])
    erase_user(project_id=acme.id, user_id="u7", store=engine.store(), rollups=engine.rollups())
    # Of the day whose events were dropped only the row that came since is gone: registers do not tell who is in them.
    assert folded(one, "1d") == [registers_of(names(0, 30)), registers_of(names(0, 30) - {"u7"})]
    assert beside(one, "1d") == 0
    assert_rollups_equal_raw()


def test_registers_go_with_their_definition_and_with_their_project(acme: Tenant, globex: Tenant) -> None:
    made = [tended(acme), tended(acme, name="other"), tended(globex)]
    for one in made:
        insert(one, names(0, 60))
    with link() as owner:
        assert fold(owner, *SPAN, most=50) == 9
        services.give_up(project_id=acme.id, name="other", by="test")
        tend(owner, seconds=60)
    assert [len(folded(one, "1d")) for one in made] == [1, 0, 1]
    purge_project(acme.id, store=engine.store(), rollups=engine.rollups())
    assert [len(folded(one, "1d")) for one in made] == [0, 0, 1]


def test_a_definition_that_goes_while_its_users_are_folded_leaves_no_registers(acme: Tenant) -> None:
    one = tended(acme)
    insert(one, names(0, 60))
    with connect(name="removing") as removing:
        removing.execute("SELECT 1 FROM metric_definition WHERE id = %s FOR UPDATE", [one.pk])

        def folding_meanwhile() -> None:
            with link() as owner:
                fold(owner, *SPAN, most=50)

        thread = threading.Thread(target=folding_meanwhile)
        thread.start()
        wait_until(lambda: bool(rows(WAITING)), what="the fold to wait for whoever removes")
        for grain in GRAINS:
            removing.execute(f"DELETE FROM rollup_metric_user_{grain} WHERE definition_id = %s", [one.pk])
        removing.execute("DELETE FROM metric_definition WHERE id = %s", [one.pk])
        removing.commit()
    thread.join()
    assert [folded(one, grain) for grain in GRAINS] == [[], [], []]


def test_the_task_folds_what_is_large_wherever_it_lies(acme: Tenant) -> None:
    one = tended(acme)
    insert(one, names(0, DENSE_USERS + 1), days=-200)
    with link() as owner:
        assert sweep(owner).startswith("3 groups of users folded")
    one.refresh_from_db()
    assert one.rows == 3
