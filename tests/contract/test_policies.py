"""What the database does by itself, and what is told of it while it runs, fails and succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from config.lib.postgres import connect
from events.jobs import State, database_jobs
from events.store.base import Policy
from tests.contract.driver import Engine
from tests.contract.moments import at
from tests.support.waiting import wait_until

_OURS = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"


def compression(engine: Engine) -> Policy:
    (found,) = [one for one in engine.store.policies(engine.link.cursor()) if one.name == "compress"]
    return found


def state() -> State:
    (found,) = [job for job in database_jobs() if job.name == "compress"]
    return found.state


@contextmanager
def only_compression_at_work(engine: Engine) -> Iterator[int]:
    """Let the extension run one job of this database, at once, and leave all as it was; give its id."""
    ((job,),) = engine.ask(_OURS)
    others = "SELECT alter_job(job_id, scheduled => %s) FROM timescaledb_information.jobs WHERE job_id <> %s"
    engine.ask(others, False, job)
    run_now(engine, job)
    engine.ask("SELECT _timescaledb_functions.start_background_workers()")
    try:
        yield job
    finally:
        engine.ask("SELECT _timescaledb_functions.stop_background_workers()")
        engine.ask(others, True, job)


@contextmanager
def lock_of_the_events(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    """Keep everybody from the events until the transaction ends."""
    with connect(name="a lock") as lock:
        lock.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        yield lock


def run_now(engine: Engine, job: int) -> None:
    engine.ask("SELECT alter_job(%s, next_start => now())", job)


def cancel(engine: Engine, job: int) -> None:
    engine.ask(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity JOIN timescaledb_information.jobs"
        " USING (application_name) WHERE job_id = %s AND datname = current_database()",
        job,
    )


def test_an_engine_without_columns_has_no_policy_to_compress(engine: Engine) -> None:
    names = [one.name for one in engine.store.policies(engine.link.cursor())]
    assert ("compress" in names) == engine.store.can_compress


def test_a_policy_that_failed_before_is_running_and_then_well(engine: Engine) -> None:
    if not engine.store.can_compress:
        pytest.skip("this engine has no policy to compress")
    if engine.ask("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") != [(True,)]:
        pytest.skip("the role may not let policies run")
    engine.write(at(1))
    with lock_of_the_events(engine) as lock, only_compression_at_work(engine) as job:
        wait_until(lambda: compression(engine).running, what="a run that waits for the lock")
        cancel(engine, job)
        wait_until(lambda: compression(engine).ok is False, what="a run that fails")
        wait_until(lambda: not compression(engine).running, what="its end")
        assert state() == State.FAILED
        run_now(engine, job)
        wait_until(lambda: compression(engine).running, what="a run after the failure")
        assert (compression(engine).ok, state()) == (None, State.RUNNING)
        lock.rollback()
        wait_until(lambda: compression(engine).ok, what="a run that succeeds")
        wait_until(lambda: not compression(engine).running, what="its end")
        assert (compression(engine).failures > 0, state()) == (True, State.OK)
