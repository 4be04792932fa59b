"""Jobs and operations as the pipeline page lists them, for operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.jobs import Job, State, jobs
from events.models import Operation
from metrics.dashboards import figures

#: How many of the last operations are shown; the admin has all of them.
OPERATIONS = 5


@dataclass(frozen=True)
class JobLine:
    """One job; `every` is empty where only people ask for it, `bad` tells whether somebody should look.

    `said` is the last failure's message, or the last run's.
    """

    name: str
    relation: str
    every: str
    last_run_at: datetime | None
    took: str
    state: str
    bad: bool
    failures: str
    last_failure_at: datetime | None
    said: str


@dataclass(frozen=True)
class OperationLine:
    """Something that a person did by hand."""

    at: datetime
    by: str
    what: str
    outcome: str
    bad: bool


def job_lines() -> list[JobLine]:
    """Return every job; those that failed last or are overdue first."""
    return sorted((_line(job) for job in jobs()), key=lambda line: not line.bad)


def operation_lines() -> list[OperationLine]:
    """Return what was done by hand lately, newest first."""
    return [
        OperationLine(
            at=done.at,
            by=done.by,
            what=f"{done.action} {figures.days(done.first_day, done.last_day)}",
            outcome=done.outcome or "under way",
            bad=done.outcome.startswith(("failed", "not begun")),
        )
        for done in Operation.objects.all()[:OPERATIONS]
    ]


def _line(job: Job) -> JobLine:
    return JobLine(
        name=job.name.replace("-", " "),
        relation=job.relation,
        every=figures.duration(job.every.total_seconds()) if job.every else "",
        last_run_at=job.last_run_at,
        took="" if job.seconds is None else _took(job.seconds),
        state=job.state.value,
        bad=job.state in (State.FAILED, State.OVERDUE),
        failures=figures.full(job.failures),
        last_failure_at=job.last_failure_at,
        said=job.last_failure or job.message,
    )


def _took(seconds: float) -> str:
    return figures.milliseconds(seconds * 1000) if seconds < 10 else figures.duration(seconds)
