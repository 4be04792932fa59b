"""Puts waiting and working apart: many threads may wait for a body, and only WEB_THREADS work.

granian runs each request in a thread of its own pool, in which reading a body blocks. Working in all of them would
make them compete for one interpreter, and for the database's connections. So a request whose body is here is worked
on where it is, if fewer than so many work. Else it is left on the desk, and its thread goes back to read others:
whoever finishes a request takes the next from the desk. No thread ever waits for another.

Questions may take seconds each. So half of those who work is kept for what takes milliseconds and must not wait,
events coming in above all; and of the others one is always at work, however many events come. A task that has to wait
leaves its seat to the next on the desk (`config.lib.aside`). When its time has come it works on at once if others wait
for it, and of these there are never many; else it is the next to get a seat.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from config.bodies import Bodies, Held
from config.lib import aside

logger = logging.getLogger("sluice.desk")
Work = Callable[[], object]
#: granian's callback: it takes the exchange, which sends the answer, and the request's part of the environ.
Callback = Callable[[Any, dict[str, Any]], Any]
#: Beginnings of the addresses whose answers never wait for a question. Listing events may take as long as one.
_PROMPT, _LISTED = ("/api/events", "/health/", "/metrics"), "/api/events"
#: Each of those that wait has a thread.
_MOST_ASIDE = 64


class Task(NamedTuple):
    """A request to be worked on; one that is `long` may take seconds."""

    work: Work
    long: bool


class _Back(NamedTuple):
    """A task that waited, and now waits for a seat: its own thread works on it, once it is woken."""

    woken: threading.Event
    long: bool


class Desk:
    """Has at most `workers` threads work at a time, half of them on long tasks; `most_aside` tasks may wait aside."""

    def __init__(self, workers: int, *, most_aside: int = _MOST_ASIDE) -> None:
        self._free = workers
        self._most_long = max(1, workers // 2)
        self._long_at_work = 0
        self._may_leave = most_aside
        self._ready: tuple[deque[Task], deque[Task]] = (deque(), deque())
        self._back: tuple[deque[_Back], deque[_Back]] = (deque(), deque())
        self._lock = threading.Lock()

    def submit(self, work: Work, *, long: bool = False) -> None:
        """Do `work` and what has become ready meanwhile; or leave it to those who work already."""
        with self._lock:
            self._ready[long].append(Task(work, long))
            following = self._take()
        self._work_on(following)

    def leave(self, task: Task) -> bool:
        """Let another work in the seat of a task that waits; False where as many wait as may."""
        with self._lock:
            if not self._may_leave:
                return False
            self._may_leave -= 1
            following = self._rise(task)
        if following:
            self._work_elsewhere(following)
        return True

    def take(self, task: Task, *, at_once: bool = True) -> None:
        """Let a task that waited work on: before all that are on the desk, or `at_once`, even if as many work as may.

        Who has what others wait for must not wait for them.
        """
        if at_once:
            with self._lock:
                self._may_leave += 1
                self._sit(task)
            return
        back = _Back(threading.Event(), task.long)
        with self._lock:
            self._back[task.long].append(back)
            following = self._take()
        if following:
            self._work_elsewhere(following)
        back.woken.wait()
        with self._lock:
            self._may_leave += 1

    def _work_elsewhere(self, task: Task) -> None:
        try:
            threading.Thread(target=self._work_on, args=(task,), name="desk", daemon=True).start()
        except RuntimeError:  # no more threads: late is better than never
            self._work_on(task)

    def _work_on(self, task: Task | None) -> None:
        while task is not None:
            mine = aside.seat.set(_Seat(self, task))
            try:
                task.work()
            except Exception:  # it may be another thread's request
                logger.exception("a request failed")
            finally:
                aside.seat.reset(mine)
            task = self._next(task)

    def _next(self, done: Task) -> Task | None:
        with self._lock:
            return self._rise(done)

    def _rise(self, task: Task) -> Task | None:
        """Free the seat of a task, and take the next one where there is room for it."""
        self._free += 1
        self._long_at_work -= task.long
        return self._take()

    def _sit(self, task: Task | _Back) -> None:
        self._free -= 1
        self._long_at_work += task.long

    def _take(self) -> Task | None:
        """Take the next task off the desk where there is room for one; wake those that come before it."""
        while self._free > 0 and (task := self._next_off()):
            self._sit(task)
            if isinstance(task, Task):
                return task
            task.woken.set()
        return None

    def _next_off(self) -> Task | _Back | None:
        """Take what comes next: a long one first where none is at work, else last."""
        short, long = (self._back[kind] or self._ready[kind] for kind in (False, True))
        long_first = long and not self._long_at_work
        if short and not long_first:
            return short.popleft()
        if long and self._long_at_work < self._most_long:
            return long.popleft()
        return None


class _Seat(NamedTuple):
    """The seat of one task."""

    desk: Desk
    task: Task

    def leave(self) -> bool:
        return self.desk.leave(self.task)

    def take(self, *, at_once: bool) -> None:
        self.desk.take(self.task, at_once=at_once)


def around(callback: Callback, bodies: Bodies, desk: Desk) -> Callback:
    """Return granian's `callback`, which from now on gets requests whose bodies are here."""

    def run(exchange: Any, scope: dict[str, Any]) -> None:
        scope["wsgi.input"] = body = bodies.read(exchange, scope)
        if body is None:
            return
        # granian answers when the exchange does, whichever thread that is.
        work = partial(callback, exchange, scope)
        long = _may_take_long(scope.get("REQUEST_METHOD", ""), scope.get("PATH_INFO", ""))
        desk.submit(partial(bodies.do_and_release, work, body) if type(body) is Held else work, long=long)

    return run


def _may_take_long(method: str, path: str) -> bool:
    lists = path.startswith(_LISTED) and method in ("GET", "HEAD")
    return lists or not path.startswith(_PROMPT)


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
