"""Writes down how Celery tasks go, for the pipeline page and `manage.py engine`: one row a task.

A task that runs every two seconds must not write as often: runs are counted in memory, and written when half a
minute has passed or the outcome changes. What a worker that is killed had not written yet is missing from the count.
Rare tasks write each run, its beginning too.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import psycopg
from celery.signals import task_postrun, task_prerun
from django.conf import settings

from config.lib import clock, sqlfile
from config.lib.postgres import connect

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "job_runs.sql")
#: Seconds between two writes of a task whose outcome stays the same.
WRITE_EVERY = 30.0
#: Seconds that a write may take: the worker has better things to do than to wait for it.
_DEADLINE = 5.0
_LONGEST_MESSAGE = 200
_FAILED = frozenset({"FAILURE", "RETRY"})
_SECRETS = re.compile(r"(?<=://)[^/\s@]+(?=@)|(?<=password=)\S+", re.IGNORECASE)


def one_line(text: object) -> str:
    """Return the first line of a message, without passwords, short enough for a table."""
    first = next(iter(str(text).strip().splitlines()), "")
    return _SECRETS.sub("***", first)[:_LONGEST_MESSAGE]


@dataclass(slots=True)
class _Task:
    """What is known of a task and not written yet; `ok` and `written` are those of the last write."""

    ok: bool | None = None
    written: float = float("-inf")
    runs: int = 0
    failures: int = 0
    last_failure_at: datetime | None = None
    last_failure: str = ""

    def is_due(self) -> bool:
        return monotonic() - self.written >= WRITE_EVERY

    def count(self, ok: bool, message: str, moment: datetime) -> None:
        self.runs += 1
        if not ok:
            self.failures += 1
            self.last_failure_at, self.last_failure = moment, message

    def take(self, ok: bool) -> dict[str, Any]:
        """Return what is to be written now, and begin anew."""
        counted: dict[str, Any] = {"runs": self.runs, "failures": self.failures}
        counted |= {"last_failure_at": self.last_failure_at, "last_failure": self.last_failure}
        self.ok, self.written = ok, monotonic()
        self.runs = self.failures = 0
        self.last_failure_at, self.last_failure = None, ""
        return counted

    def give_back(self, counted: dict[str, Any]) -> None:
        """Count again what could not be written, and let the next run try; a failure since then is the last one."""
        self.ok = None
        self.runs += counted["runs"]
        self.failures += counted["failures"]
        if self.last_failure_at is None:
            self.last_failure_at, self.last_failure = counted["last_failure_at"], counted["last_failure"]


@dataclass
class JobRuns:
    """Follows the tasks of one process; Celery's thread pool calls it from several threads."""

    _tasks: dict[str, _Task] = field(default_factory=dict)
    _begun: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, *, run: str, name: str) -> None:
        """Remember when the run `run` of the task `name` began; say so at once where it may take long."""
        moment = clock.now()
        with self._lock:
            self._begun[run] = moment, monotonic()
        if _is_rare(name):
            _write("started", {"name": name, "started_at": moment})

    def finished(self, *, run: str, name: str, ok: bool, message: str) -> None:
        """Count the run, and write the task's row where that is due."""
        moment = clock.now()
        with self._lock:
            started_at, clock_then = self._begun.pop(run, (moment, monotonic()))
            task = self._tasks.setdefault(name, _Task())
            task.count(ok, message, moment)
            if ok == task.ok and not _is_rare(name) and not task.is_due():
                return
            counted = task.take(ok)
        row = {"name": name, "started_at": started_at, "finished_at": moment, "ok": ok, "message": message}
        row |= {"seconds": monotonic() - clock_then, **counted}
        # A write may take seconds, which other threads' tasks must not wait for.
        if not _write("finished", row):
            with self._lock:
                task.give_back(counted)


def _is_rare(name: str) -> bool:
    """Tell whether a task runs so seldom that each beginning and end is worth a write of its own."""
    periods = [entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["task"] == name]
    return all(period.total_seconds() >= WRITE_EVERY for period in periods)


def _write(block: str, row: dict[str, Any]) -> bool:
    """Write a row; False where the database is away: the task itself says more about that."""
    try:
        with connect(name="job runs", autocommit=True, deadline=_DEADLINE) as connection:
            connection.execute(SQL[block], row)
    except psycopg.Error as error:
        logger.debug("a job's run could not be written down: %s", one_line(error))
        return False
    return True


_runs = JobRuns()


@task_prerun.connect
def _started(task_id: str, task: Any, **_: Any) -> None:
    _runs.started(run=task_id, name=task.name)


@task_postrun.connect
def _finished(task_id: str, task: Any, retval: Any = None, state: str | None = None, **_: Any) -> None:
    """Take the run's outcome; a task that returns a sentence tells it to people, an error its kind and first line."""
    ok = state not in _FAILED
    said = retval if isinstance(retval, str) else ""
    _runs.finished(
        run=task_id,
        name=task.name,
        ok=ok,
        message=one_line(said if ok else f"{type(retval).__name__}: {retval}"),
    )
