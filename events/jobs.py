"""Reads what runs by itself, our Celery tasks and the database's policies, and how it went last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings

from config.engine import store
from config.lib import clock
from config.lib.postgres import bounded_cursor
from events.models import JobRun
from events.store.base import Policy

#: A run is overdue when it is this late: written-down runs are up to half a minute old, and beat has other work too.
SLACK = timedelta(minutes=2)


class State(StrEnum):
    """Where a job stands."""

    NEVER = "never ran"
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    #: It went well, and should have run again since: beat or the worker does not run, or the database is busy.
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Job:
    """Something that runs by itself, or was asked for; `every` and `next_run_at` are None where only people ask.

    `seconds` is how long the last run took; `message` what it said; `last_failure` what the last failed one said,
    which the database's policies do not tell.
    """

    name: str
    relation: str
    every: timedelta | None
    state: State
    last_run_at: datetime | None = None
    seconds: float | None = None
    message: str = ""
    runs: int = 0
    failures: int = 0
    last_failure_at: datetime | None = None
    last_failure: str = ""
    next_run_at: datetime | None = None


def jobs() -> list[Job]:
    """Return the scheduled jobs, those that never ran included, what people asked for, and the database's policies."""
    return [*celery_jobs(), *database_jobs()]


def celery_jobs() -> list[Job]:
    """Return the Celery tasks that are scheduled, and after them those that people asked for."""
    schedule = settings.CELERY_BEAT_SCHEDULE
    runs = {run.name: run for run in JobRun.objects.all()}
    planned = [_job(name, entry["schedule"], runs.get(entry["task"])) for name, entry in schedule.items()]
    asked = sorted(runs.keys() - {entry["task"] for entry in schedule.values()})
    return planned + [_job(_short(name), None, runs[name]) for name in asked]


def database_jobs() -> list[Job]:
    """Return what the database does by itself."""
    with bounded_cursor() as cursor:
        policies: Iterable[Policy] = store().policies(cursor)
    return [_policy_job(policy) for policy in policies]


def _short(task: str) -> str:
    """Return `events.tasks.compress_day` as people read it: `compress-day`, like the names in the schedule."""
    return task.rpartition(".")[2].replace("_", "-")


def _job(name: str, every: timedelta | None, run: JobRun | None) -> Job:
    if run is None or run.started_at is None:
        return Job(name, "", every, State.NEVER)
    due = None if every is None else run.started_at + every
    return Job(
        name=name,
        relation="",
        every=every,
        state=_state(run, due),
        last_run_at=run.started_at,
        seconds=run.seconds,
        message=run.message,
        runs=run.runs,
        failures=run.failures,
        last_failure_at=run.last_failure_at,
        last_failure=run.last_failure,
        next_run_at=_next(due),
    )


def _next(due: datetime | None) -> datetime | None:
    """Return when a job that is due at `due` runs next: now, where it is a little late, as what is read always is."""
    return due if due is None or _is_overdue(due) else max(due, clock.now())


def _is_overdue(due: datetime | None) -> bool:
    return due is not None and due + SLACK < clock.now()


def _state(run: JobRun, due: datetime | None) -> State:
    assert run.started_at
    if run.finished_at is None or run.finished_at < run.started_at:
        return State.RUNNING
    if not run.ok:
        return State.FAILED
    return State.OVERDUE if _is_overdue(due) else State.OK


def _policy_job(policy: Policy) -> Job:
    return Job(
        name=policy.name,
        relation=policy.relation,
        every=policy.every,
        state=_policy_state(policy),
        last_run_at=policy.last_run_at,
        seconds=_policy_seconds(policy),
        runs=policy.runs,
        failures=policy.failures,
        next_run_at=_next(policy.next_run_at),
    )


def _policy_state(policy: Policy) -> State:
    if policy.last_run_at is None:
        return State.NEVER
    if policy.running or policy.ok is None:
        return State.RUNNING
    if not policy.ok:
        return State.FAILED
    return State.OVERDUE if _is_overdue(policy.next_run_at) else State.OK


def _policy_seconds(policy: Policy) -> float | None:
    if not (policy.ok and policy.last_run_at and policy.last_success_at):
        return None
    return (policy.last_success_at - policy.last_run_at).total_seconds()
