"""The processor: what becomes of batches, good and bad."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import psycopg
import pytest

from config import engine
from config.lib.postgres import connect
from events.bus.base import Consumer
from events.processor.bisect import MassPoison
from events.processor.pipeline import Pipeline
from events.processor.triage import Fault, triage
from events.processor.worker import Worker
from events.reasons import Outcome, Reason, Stage
from tests.support.assertions import (
    assert_balanced,
    assert_no_rollup_beyond_raw,
    assert_rollups_equal_raw,
    assert_sessions_equal_raw,
    assert_stored,
    letters,
)
from tests.support.pipeline import (
    NOON,
    Outcomes,
    append,
    append_rows,
    copy_line,
    event,
    process_all,
    rebuild_sessions,
    rows,
)
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until


def test_a_batch_is_stored_with_its_rollups_and_leaves_the_bus(acme: Tenant) -> None:
    sent = [event(f"u{i}", NOON + timedelta(minutes=i)) for i in range(10)]
    append(acme.id, sent)
    assert process_all() == {(acme.id, Outcome.STORED): 10}
    assert_stored(acme.id, *(one["eventId"] for one in sent))
    assert_rollups_equal_raw()
    assert_balanced()
    assert engine.bus().depth().events == 0


def test_the_same_id_again_is_a_duplicate_and_another_payload_a_conflict(acme: Tenant) -> None:
    append(acme.id, [event("u1", id="order-1", total=5)])
    append(acme.id, [event("u1", NOON + timedelta(days=1), id="order-1", total=5)])
    append(acme.id, [event("u1", id="order-1", total=6)])
    assert process_all() == {
        (acme.id, Outcome.STORED): 1,
        (acme.id, Outcome.DUPLICATE): 1,
        (acme.id, Outcome.CONFLICT): 1,
    }
    assert rows("SELECT props ->> 'total', ts FROM event") == [("5", NOON)]
    assert_rollups_equal_raw()
    assert_balanced()


def test_the_first_of_equal_ids_within_one_batch_stays(acme: Tenant) -> None:
    append(acme.id, [event("u1", id="once", n=n) for n in (1, 2, 3)])
    process_all()
    assert rows("SELECT props ->> 'n' FROM event") == [("1",)]
    assert_no_rollup_beyond_raw(acme.id)
    assert_balanced()


def test_two_tenants_may_use_the_same_event_id(acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        append(tenant.id, [event("u1", id="shared")])
    assert process_all() == {(acme.id, Outcome.STORED): 1, (globex.id, Outcome.STORED): 1}


@pytest.mark.parametrize(
    "line",
    [
        b"not a line of ours",
        pytest.param("BAD_TIME", id="impossible time"),
        pytest.param("BAD_JSON", id="broken json"),
        pytest.param("HUGE_NUMBER", id="number too large for numeric"),
    ],
)
def test_a_poison_line_is_dead_lettered_and_its_neighbours_stored(acme: Tenant, line: bytes | str) -> None:
    poison = {
        "BAD_TIME": copy_line(acme.id, ts="2025-02-30T00:00:00+00:00"),
        "BAD_JSON": copy_line(acme.id, props='{"a":'),
        "HUGE_NUMBER": copy_line(acme.id, props='{"a":1e999999}'),
    }
    bad = poison[line] if isinstance(line, str) else line
    append_rows(acme.id, *(copy_line(acme.id, user=f"u{i}") for i in range(5)), bad, copy_line(acme.id))
    assert process_all() == {(acme.id, Outcome.STORED): 6, (acme.id, Outcome.DEAD): 1}
    (letter,) = letters(acme.id)
    assert (letter.stage, letter.reason) == (Stage.PROCESSOR, Reason.DATABASE_REFUSED)
    assert letter.message
    assert_rollups_equal_raw()
    assert_balanced()


def test_a_poison_letter_keeps_the_event_readable(acme: Tenant) -> None:
    append_rows(
        acme.id, copy_line(acme.id, user="tab\\tuser", ts="2025-02-30T00:00:00+00:00"), copy_line(acme.id)
    )
    process_all()
    (letter,) = letters(acme.id)
    assert b'"userId": "tab\\tuser"' in bytes(letter.raw)


def test_poison_in_one_batch_spares_the_batches_claimed_with_it(acme: Tenant, globex: Tenant) -> None:
    append(globex.id, [event(f"u{i}") for i in range(30)])
    append_rows(acme.id, b"garbage", copy_line(acme.id))
    append(globex.id, [event(f"v{i}") for i in range(30)])
    assert process_all() == {
        (globex.id, Outcome.STORED): 60,
        (acme.id, Outcome.STORED): 1,
        (acme.id, Outcome.DEAD): 1,
    }
    assert not letters(globex.id)


def test_mass_poison_stops_and_leaves_the_dead_letter_queue_empty(acme: Tenant) -> None:
    append_rows(acme.id, *[b"garbage"] * 40, copy_line(acme.id))
    with pytest.raises(MassPoison):
        process_all()
    assert not letters(acme.id)
    assert engine.bus().depth().events == 41
    assert_balanced()


def test_a_batch_that_killed_its_workers_becomes_letters(acme: Tenant) -> None:
    append(acme.id, [event("u1", id="deadly")])
    rows_changed("UPDATE inbox SET attempts = 3")
    assert process_all() == {(acme.id, Outcome.DEAD): 1}
    (letter,) = letters(acme.id)
    assert letter.reason == Reason.WORKER_DIED
    assert b'"type": "page_view"' in bytes(letter.raw)
    assert_balanced()


def test_a_batch_is_tried_three_times_before_it_is_given_up(acme: Tenant) -> None:
    append(acme.id, [event("u1")])
    rows_changed("UPDATE inbox SET attempts = 2")
    assert process_all() == {(acme.id, Outcome.STORED): 1}


def test_attempts_are_not_counted_for_an_error_of_the_database(acme: Tenant) -> None:
    append(acme.id, [event("u1")])
    failures = iter([psycopg.OperationalError("gone")] * 4)
    worker = Worker(lambda: failing_processor(failures))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(lambda: rows("SELECT 1 FROM event"), what="the event")
    finally:
        worker.stop()
        thread.join()
    assert not letters(acme.id)
    assert_balanced()


def test_an_interrupted_claim_changes_nothing(acme: Tenant) -> None:
    append(acme.id, [event("u1")])
    consumer, pipeline = engine.processor()
    ids = consumer.claim(1000)
    with connect(name="lock") as link:
        link.execute("LOCK TABLE rollup_users_1h IN ACCESS EXCLUSIVE MODE")
        pipeline._connection.execute("SET statement_timeout = 100")
        with pytest.raises(psycopg.errors.QueryCanceled):
            pipeline.run(ids)
    assert not rows("SELECT 1 FROM event UNION ALL SELECT 1 FROM event_key")
    consumer.release(ids)
    assert rows("SELECT attempts, claimed_by FROM inbox") == [(0, None)]
    consumer.close()
    pipeline.close()
    assert process_all() == {(acme.id, Outcome.STORED): 1}


def test_two_processors_over_shuffled_duplicates_are_exact_and_never_deadlock(
    acme: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(7)
    sent = [
        event(
            f"u{chance.randrange(20)}",
            NOON + timedelta(minutes=chance.randrange(3000)),
            type=chance.choice("abc"),
        )
        for _ in range(600)
    ]
    for _ in range(3):
        chance.shuffle(sent)
        append(acme.id, sent, size=20)
    workers = [Worker(engine.processor) for _ in range(2)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: not rows("SELECT 1 FROM inbox LIMIT 1"), what="an empty bus")
    finally:
        for worker, thread in zip(workers, threads, strict=True):
            worker.stop()
            thread.join()
    rebuild_sessions()
    counted = Counter(dict(rows("SELECT outcome, sum(events) FROM outcome_count GROUP BY 1")))
    assert counted == {"stored": 600, "duplicate": 1200}
    assert not [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert_stored(acme.id, *(one["eventId"] for one in sent))
    assert_rollups_equal_raw()
    assert_no_rollup_beyond_raw(acme.id)
    assert_sessions_equal_raw(acme.id)
    assert_balanced()


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        *[(state, Fault.EVENT) for state in ("22P02", "22021", "22003", "23514", "54000", "54001", "21000")],
        *[
            (state, Fault.SYSTEM)
            for state in (
                "08006",
                "57P01",
                "57014",
                "53300",
                "53100",
                "40001",
                "40P01",
                "55P03",
                "25006",
                "58030",
            )
        ],
        *[(state, Fault.SYSTEM) for state in ("23505", "42P01", "XX000")],
    ],
)
def test_triage_blames_by_sqlstate(state: str, fault: Fault) -> None:
    error = psycopg.errors.lookup(state)("x") if state != "58030" else psycopg.errors.IoError("x")
    assert triage(error) is fault


def test_triage_never_blames_an_event_for_an_error_without_a_state() -> None:
    assert triage(psycopg.OperationalError("connection lost")) is Fault.SYSTEM


def rows_changed(statement: str) -> None:
    with connect(name="test", autocommit=True) as link:
        link.execute(statement)


def failing_processor(failures: Iterator[Exception]) -> tuple[Consumer, Pipeline]:
    consumer, pipeline = engine.processor()
    run = pipeline.run

    def fail_or_run(ids: Sequence[int]) -> Outcomes:
        for failure in failures:
            raise failure
        return run(ids)

    pipeline.run = fail_or_run  # type: ignore[method-assign]
    return consumer, pipeline
