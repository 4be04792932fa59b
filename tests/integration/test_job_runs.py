"""Job runs: what Celery's tasks write down about themselves, and what is read from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest
from pytest_django import Settings

from config import engine, job_runs
from config.job_runs import JobRuns, one_line
from config.lib import clock
from events.jobs import State, celery_jobs, database_jobs
from events.models import JobRun
from events.store.base import Policy
from events.tasks import compress_day, prune_ledger

pytestmark = pytest.mark.usefixtures("pipeline")
OFTEN, RARELY = "sessions.tasks.rebuild_touched", "events.tasks.prune_ledger"
MOMENT = datetime(2026, 1, 3, 12, tzinfo=UTC)


class Stopwatch:
    """A monotonic clock that tests turn."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(job_runs, "monotonic", watch)
    return watch


def run(runs: JobRuns, *, ok: bool = True, message: str = "", name: str = OFTEN) -> None:
    runs.started(run="1", name=name)
    runs.finished(run="1", name=name, ok=ok, message=message)


def written(name: str = OFTEN) -> JobRun:
    return JobRun.objects.get(name=name)


def test_the_first_run_is_written_at_once(watch: Stopwatch) -> None:
    runs = JobRuns()
    runs.started(run="1", name=OFTEN)
    watch.seconds += 1.5
    runs.finished(run="1", name=OFTEN, ok=True, message="42 done")
    row = written()
    assert (row.ok, row.runs, row.failures, row.seconds, row.message) == (True, 1, 0, 1.5, "42 done")
    assert row.started_at
    assert row.finished_at
    assert row.started_at <= row.finished_at


def test_a_task_that_runs_often_writes_every_half_minute(watch: Stopwatch) -> None:
    runs = JobRuns()
    run(runs)
    for _ in range(14):
        watch.seconds += 2
        run(runs)
    assert written().runs == 1
    watch.seconds += 2
    run(runs)
    assert written().runs == 16


def test_a_changed_outcome_is_written_at_once(watch: Stopwatch) -> None:
    runs = JobRuns()
    for ok in (True, True, False, False, True):
        watch.seconds += 2
        run(runs, ok=ok, message="" if ok else "KeyError: x")
    row = written()
    assert (row.ok, row.runs, row.failures) == (True, 5, 2)


def test_the_last_failure_outlives_a_success(watch: Stopwatch) -> None:
    runs = JobRuns()
    run(runs, ok=False, message="KeyError: x")
    run(runs, message="fine")
    row = written()
    assert (row.message, row.last_failure) == ("fine", "KeyError: x")
    assert row.last_failure_at


def test_workers_add_to_one_row(watch: Stopwatch) -> None:
    run(JobRuns())
    run(JobRuns(), ok=False)
    assert (written().runs, written().failures) == (2, 1)


def test_runs_that_could_not_be_written_are_counted_later(
    watch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise psycopg.OperationalError("gone")

    runs = JobRuns()
    with monkeypatch.context() as patched:
        patched.setattr(job_runs, "connect", away)
        run(runs)
        run(runs, ok=False, message="KeyError: x")
    assert not JobRun.objects.exists()
    run(runs)
    assert (written().runs, written().failures, written().last_failure) == (3, 1, "KeyError: x")


@pytest.mark.parametrize("name", [OFTEN, RARELY])
def test_a_write_that_takes_long_holds_up_no_other_task(
    watch: Stopwatch, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    runs, connected, held_up = JobRuns(), job_runs.connect, []

    def slow(**options: Any) -> Any:
        other = Thread(target=runs.started, kwargs={"run": "other", "name": OFTEN}, daemon=True)
        other.start()
        other.join(timeout=5)
        held_up.append(other.is_alive())
        return connected(**options)

    monkeypatch.setattr(job_runs, "connect", slow)
    run(runs, name=name)
    assert held_up
    assert not any(held_up)
    assert written(name).runs == 1


def test_a_rare_task_is_seen_running_and_a_frequent_one_writes_no_start(watch: Stopwatch) -> None:
    runs = JobRuns()
    runs.started(run="1", name=RARELY)
    runs.started(run="2", name=OFTEN)
    assert [job.state for job in celery_jobs() if job.name == "prune-ledger"] == [State.RUNNING]
    assert not JobRun.objects.filter(name=OFTEN).exists()


def test_a_rare_task_that_runs_twice_in_a_row_is_not_left_running(watch: Stopwatch) -> None:
    runs = JobRuns()
    run(runs, name=RARELY)
    run(runs, name=RARELY, message="again")
    (job,) = (job for job in celery_jobs() if job.name == "prune-ledger")
    assert (job.state, job.runs, job.message) == (State.OK, 2, "again")


def test_celery_tells_how_a_task_went() -> None:
    prune_ledger.apply()
    assert (written(RARELY).ok, written(RARELY).runs) == (True, 1)


def test_celery_tells_why_a_task_failed(settings: Settings) -> None:
    settings.DEDUP_WINDOW_DAYS = "not a number"
    prune_ledger.apply()
    row = written(RARELY)
    assert (row.ok, row.failures) == (False, 1)
    assert row.last_failure.startswith("InvalidTextRepresentation: ")
    assert "\n" not in row.last_failure


def test_what_a_task_returns_as_a_sentence_is_its_message() -> None:
    compress_day.apply(["2001-01-01"])
    assert written("events.tasks.compress_day").message == "2001-01-01: there was nothing to compress"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("first\nsecond", "first"),
        ("", ""),
        ("  \n", ""),
        ("x" * 300, "x" * 200),
        ("no route to amqp://user:secret@host/", "no route to amqp://***@host/"),
        ("host=db password=secret user=me", "host=db password=*** user=me"),
    ],
)
def test_a_message_is_one_line_without_secrets(text: str, line: str) -> None:
    assert one_line(text) == line


# --- reading ---------------------------------------------------------------------------------------------------


def test_jobs_that_never_ran_are_listed_with_their_interval(settings: Settings) -> None:
    found = {job.name: job for job in celery_jobs()}
    assert found.keys() == settings.CELERY_BEAT_SCHEDULE.keys()
    job = found["rebuild-sessions"]
    assert (job.state, job.every, job.next_run_at) == (State.NEVER, timedelta(seconds=2), None)


@pytest.mark.parametrize(
    ("age", "ok", "state"),
    [
        (timedelta(minutes=1), True, State.OK),
        (timedelta(minutes=1), False, State.FAILED),
        (timedelta(hours=3), True, State.OVERDUE),
        (timedelta(hours=3), False, State.FAILED),
    ],
)
def test_a_job_tells_where_it_stands(age: timedelta, ok: bool, state: State) -> None:
    moment = clock.now() - age
    JobRun.objects.create(name=RARELY, started_at=moment, finished_at=moment, ok=ok)
    (job,) = (job for job in celery_jobs() if job.name == "prune-ledger")
    assert (job.state, job.next_run_at) == (state, moment + timedelta(hours=1))


def test_what_people_asked_for_comes_after_the_schedule() -> None:
    JobRun.objects.create(name="events.tasks.compress_day", started_at=MOMENT, finished_at=MOMENT, ok=True)
    job = celery_jobs()[-1]
    assert (job.name, job.every, job.next_run_at, job.state) == ("compress-day", None, None, State.OK)


def _policy(**changed: object) -> Policy:
    now = clock.now()
    facts = {"name": "compress", "relation": "event", "every": timedelta(hours=12), "last_run_at": now}
    facts |= {"last_success_at": now + timedelta(seconds=2), "next_run_at": now + timedelta(hours=12)}
    facts |= {"runs": 7, "failures": 0, "ok": True, "running": False}
    return Policy(**(facts | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "state", "seconds"),
    [
        ({}, State.OK, 2.0),
        ({"last_run_at": None, "last_success_at": None, "ok": None}, State.NEVER, None),
        ({"last_success_at": None, "ok": None}, State.RUNNING, None),
        ({"last_success_at": MOMENT, "failures": 1, "ok": None, "running": True}, State.RUNNING, None),
        ({"last_success_at": MOMENT, "failures": 1, "ok": False}, State.FAILED, None),
        ({"failures": 1}, State.OK, 2.0),
        ({"next_run_at": MOMENT}, State.OVERDUE, 2.0),
    ],
)
def test_the_databases_policies_are_jobs_too(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], state: State, seconds: float | None
) -> None:
    monkeypatch.setattr(engine.store(), "policies", lambda cursor: [_policy(**changed)])
    (job,) = database_jobs()
    assert (job.name, job.relation, job.state, job.runs) == ("compress", "event", state, 7)
    assert job.seconds == seconds
