"""Mass poison: nothing is dead-lettered, whoever is not concerned goes on, and all goes through once it is mended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from config import engine
from config.lib.postgres import connect
from events.processor import worker as module
from events.processor.bisect import MassPoison
from events.processor.worker import Worker
from tests.support.assertions import assert_balanced, letters
from tests.support.pipeline import append, append_rows, copy_line, event, processor, rows
from tests.support.tenants import Tenant
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PARK_SECONDS", 0.5)
    monkeypatch.setattr(module, "_LINGER", 0.01)


@contextmanager
def at_work() -> Iterator[None]:
    worker = Worker(engine.processor)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


@contextmanager
def bug() -> Iterator[Callable[[], None]]:
    """Let the ledger refuse everything, as a table that was changed by hand does; give what mends it."""

    def mend() -> None:
        link.execute("ALTER TABLE event_key DROP CONSTRAINT IF EXISTS bug")

    with connect(name="test", autocommit=True) as link:
        link.execute("ALTER TABLE event_key ADD CONSTRAINT bug CHECK (project_id < 0) NOT VALID")
        try:
            yield mend
        finally:
            mend()


def stored(project: int) -> int:
    return int(rows("SELECT count(*) FROM event WHERE project_id = %s", project)[0][0])


def claims(then: str) -> float:
    return REGISTRY.get_sample_value("sluice_mass_poison_claims_total", {"then": then}) or 0.0


def test_a_bug_that_refuses_everything_fills_no_dead_letter_queue(
    acme: Tenant, globex: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    for tenant in (acme, globex):
        append(tenant.id, [event(f"u{n}") for n in range(120)], size=30)
    split, parked = claims("split"), claims("parked")
    with bug() as mend, at_work():
        # Three of each project, then one of each whenever their rest is over.
        wait_until(lambda: claims("parked") >= parked + 8, what="the projects' third strikes")
        assert not letters(acme.id)
        assert not letters(globex.id)
        assert_balanced()
        mend()
        wait_until(lambda: stored(acme.id) + stored(globex.id) == 240, what="all events")
    assert not letters(acme.id)
    assert not letters(globex.id)
    assert claims("split") > split
    assert any(record.levelname == "CRITICAL" for record in caplog.records)
    assert_balanced()


def test_a_bug_that_refuses_everything_costs_no_single_event_either(acme: Tenant) -> None:
    append(acme.id, [event(f"u{n}") for n in range(5)], size=1)
    parked = claims("parked")
    with bug() as mend, at_work():
        wait_until(lambda: claims("parked") >= parked + 3, what="a third strike")
        assert not letters(acme.id)
        mend()
        wait_until(lambda: stored(acme.id) == 5, what="all events")
    assert not letters(acme.id)
    assert_balanced()


def test_a_bad_producer_holds_up_no_other_project(acme: Tenant, globex: Tenant) -> None:
    for _ in range(10):
        append_rows(acme.id, *[b"garbage"] * 40)
        append(globex.id, [event(f"u{n}") for n in range(20)], size=20)
    with at_work():
        wait_until(lambda: stored(globex.id) == 200, what="the good project's events")
        append(globex.id, [event(f"v{n}") for n in range(20)], size=20)
        wait_until(lambda: stored(globex.id) == 220, seconds=5, what="fresh events of the good project")
    assert not letters(acme.id)
    assert engine.bus().depth().events == 400
    assert_balanced()


def test_a_bad_producer_holds_up_no_other_batch_of_its_project(acme: Tenant) -> None:
    for number in range(12):
        append_rows(acme.id, *[b"garbage"] * 40)
        append_rows(acme.id, *(copy_line(acme.id, user=f"u{number}") for _ in range(10)))
    with at_work():
        wait_until(lambda: stored(acme.id) == 120, what="the good batches")
    assert not letters(acme.id)
    assert_balanced()


def test_a_batch_that_is_half_good_is_kept_whole_until_somebody_looks(acme: Tenant) -> None:
    append_rows(acme.id, *[b"garbage"] * 60, *(copy_line(acme.id) for _ in range(40)))
    parked = claims("parked")
    with at_work():
        wait_until(lambda: claims("parked") >= parked + 2, what="a second try")
    assert not letters(acme.id)
    assert stored(acme.id) == 0
    assert engine.bus().parked() == 100


def test_a_search_for_poison_ends_before_others_have_the_batch(acme: Tenant, settings: Any) -> None:
    append_rows(acme.id, b"garbage", copy_line(acme.id))
    settings.CLAIM_LEASE_SECONDS = 0
    with processor() as (consumer, pipeline), pytest.raises(MassPoison, match="takes too long"):
        pipeline.run(consumer.claim(1000))
    assert not letters(acme.id)
