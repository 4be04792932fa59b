"""Puts waiting and working apart: many threads may wait for a body, and only WEB_THREADS work.

granian runs each request in a thread of its own pool, in which reading a body blocks. Working in all of them would
make them compete for one interpreter, and for the database's connections. So a request whose body is here is worked
on where it is, if fewer than so many work. Else it is left on the desk, and its thread goes back to read others:
whoever finishes a request takes the next from the desk. No thread ever waits for another.

Questions may take seconds each. So half of those who work is kept for what takes milliseconds and must not wait,
events coming in above all; and of the others one is always at work, however many events come.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from config.bodies import Bodies, Held

logger = logging.getLogger("sluice.desk")
Work = Callable[[], object]
#: granian's callback: it takes the exchange, which sends the answer, and the request's part of the environ.
Callback = Callable[[Any, dict[str, Any]], Any]
#: Beginnings of the addresses whose answers never wait for a question.
_PROMPT = ("/api/events", "/health/", "/metrics")


class Task(NamedTuple):
    """A request to be worked on; one that is `long` may take seconds."""

    work: Work
    long: bool


class Desk:
    """Has at most `workers` threads work at a time, half of them on long tasks."""

    def __init__(self, workers: int) -> None:
        self._free = workers
        self._most_long = max(1, workers // 2)
        self._long_at_work = 0
        self._ready: tuple[deque[Task], deque[Task]] = (deque(), deque())
        self._lock = threading.Lock()

    def submit(self, work: Work, *, long: bool = False) -> None:
        """Do `work` and what has become ready meanwhile; or leave it to those who work already."""
        with self._lock:
            self._ready[long].append(Task(work, long))
            following = self._take() if self._free else None
        while following is not None:
            try:
                following.work()
            except Exception:  # it may be another thread's request
                logger.exception("a request failed")
            following = self._next(following)

    def _next(self, done: Task) -> Task | None:
        with self._lock:
            self._free += 1
            self._long_at_work -= done.long
            return self._take()

    def _take(self) -> Task | None:
        """Take the next task off the desk: a long one first where none is at work, else last."""
        short, long = self._ready
        long_first = long and not self._long_at_work
        if short and not long_first:
            task = short.popleft()
        elif long and self._long_at_work < self._most_long:
            task = long.popleft()
        else:
            return None
        self._free -= 1
        self._long_at_work += task.long
        return task


def around(callback: Callback, bodies: Bodies, desk: Desk) -> Callback:
    """Return granian's `callback`, which from now on gets requests whose bodies are here."""

    def run(exchange: Any, scope: dict[str, Any]) -> None:
        scope["wsgi.input"] = body = bodies.read(exchange, scope)
        if body is None:
            return
        # granian answers when the exchange does, whichever thread that is.
        work = partial(callback, exchange, scope)
        long = not scope.get("PATH_INFO", "").startswith(_PROMPT)
        desk.submit(partial(bodies.do_and_release, work, body) if type(body) is Held else work, long=long)

    return run


def install(bodies: Bodies, desk: Desk) -> bool:
    """Put both between this process's granian and its application; False where there is no granian.

    granian has no hook for it: its worker wraps the application, once that is loaded, by a function of this name.
    """
    try:
        from granian.server import mp

        wrap: Any = mp._wsgi_call_wrap
    except (ImportError, AttributeError):
        return False
    mp._wsgi_call_wrap = lambda *args: around(wrap(*args), bodies, desk)
    return True
