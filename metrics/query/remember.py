"""Keeps answers for a while, and computes what many ask at once a single time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from config.lib import clock
from config.lib.aside import aside
from metrics import telemetry
from metrics.query.patience import longest, one_deadline, waits_until
from metrics.query.run import Seen
from metrics.versions import version_of

Answer = TypeVar("Answer")
#: Seconds that an answer about the present may be old, by its step.
_OPEN_SECONDS = {"1m": 1, "5m": 2, "15m": 3, "1h": 5, "1d": 10, "1w": 10, "1mo": 10}
#: The same of a range that is over, but that late events may still change; and of one that they cannot change any more.
_CLOSED_SECONDS, _SETTLED_SECONDS = 15, 3600
#: How long after its end a range counts as over: senders are not quick.
_GRACE = timedelta(seconds=15)
#: Seconds between two looks at whether another process has finished.
_PAUSE = 0.05
_flights: dict[str, Future[Any]] = {}
_guard = Lock()


def remembered(
    question: object,
    seconds: float | Callable[[Answer], float],
    compute: Callable[[], Answer],
) -> tuple[Answer, bool]:
    """Return the answer to a question about a project, and whether somebody else's was taken for it.

    `question` is known by its repr, and has a `project_id` or a `scope`. The answer is kept for `seconds`; 0 keeps
    nothing. Who asks while it is computed waits for it, and shares the error where there is none. Nobody may change it.
    """
    # Read first: what changes the answer from now on changes the version too, so an older one is never taken for new.
    described = repr((version_of(_project_of(question)), question))
    key = "answer:" + sha256(described.encode("utf-8", "surrogatepass")).hexdigest()
    with one_deadline():
        answer, shared = _taken(key) or _together(key, lambda: _alone(key, seconds, compute))
    if shared:
        telemetry.cached_answers.inc()
    return answer, shared


def _project_of(question: Any) -> int:
    about = question if hasattr(question, "project_id") else question.scope
    return int(about.project_id)


def seconds_to_keep(end: datetime, *, step: str, seen: Seen, segment: bool = False) -> int:
    """Return how long an answer about a range that ends at `end` may be kept, by its step.

    Long only where no late event can come (the live lane refuses older ones, and whatever else brings some changes the
    version), and where all that is stored is counted, which changes no version. Who is in a segment changes with any
    event: what such a question asks is never over.
    """
    now = clock.now()
    if end > now - _GRACE or segment:
        return _OPEN_SECONDS[step]
    if end > now - _live_window() or seen.waits or seen.as_of < now - _GRACE:
        return _CLOSED_SECONDS
    return _SETTLED_SECONDS


def _live_window() -> timedelta:
    """Return how old an event of the live lane may be when it is stored."""
    waiting = settings.BUS_MAX_AGE_SECONDS + settings.SPOOL_MAX_AGE_SECONDS
    return timedelta(days=settings.MAX_AGE_DAYS, seconds=waiting)


def _cache() -> BaseCache:
    return caches["answers"]


def _taken(key: str) -> tuple[Any, bool] | None:
    found = _cache().get(key)
    return None if found is None else (found, True)


def _together(key: str, work: Callable[[], tuple[Any, bool]]) -> tuple[Any, bool]:
    """Let one thread of this process do the work and the others wait for its outcome."""
    with _guard:
        flight = _flights.get(key)
        mine = flight is None
        if flight is None:
            flight = _flights[key] = Future()
    if mine:
        return _fly(key, flight, work)
    try:
        with aside(at_once=False):
            return flight.result()[0], True
    except CancelledError:
        # The other thread was stopped from outside, which says nothing about the question.
        return work()


def _fly(key: str, flight: Future[Any], work: Callable[[], tuple[Any, bool]]) -> tuple[Any, bool]:
    try:
        outcome = work()
        flight.set_result(outcome)
        return outcome
    except Exception as error:
        flight.set_exception(error)
        raise
    finally:
        with _guard:
            del _flights[key]
        flight.cancel()


def _alone(key: str, seconds: float | Callable[[Any], float], compute: Callable[[], Any]) -> tuple[Any, bool]:
    """Compute and keep an answer while no other process does, where the cache is all processes' own."""
    lock = f"{key}:lock"
    mine = _locks(lock) or _awaited(key, lock)
    try:
        return _taken(key) or (_kept(key, seconds, compute()), False)
    finally:
        if mine:
            _cache().delete(lock)


def _locks(lock: str) -> bool:
    # Whoever has it may wait for a slot before the answer takes its time, and no longer.
    return _cache().add(lock, "", longest() + 1)


def _awaited(key: str, lock: str) -> bool:
    """Wait until another process has finished, or this question must not wait longer; tell whether the lock was had."""
    until = waits_until()
    with aside():
        while not _taken(key) and time.monotonic() < until:
            time.sleep(_PAUSE)
            if _locks(lock):
                return True
    return False


def _kept(key: str, seconds: float | Callable[[Any], float], answer: Any) -> Any:
    lasting = seconds(answer) if callable(seconds) else seconds
    if lasting > 0:
        _cache().set(key, answer, lasting)
    return answer
