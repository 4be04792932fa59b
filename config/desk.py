"""Puts waiting and working apart: many threads may wait for a body, and only WEB_THREADS work.

granian runs each request in a thread of its own pool, in which reading a body blocks. Working in all of them would
make them compete for one interpreter, and for the database's connections. So a request whose body is here is worked
on where it is, if fewer than so many work. Else it is left on the desk, and its thread goes back to read others:
whoever finishes a request takes the next from the desk. No thread ever waits for another.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from config.bodies import Bodies, Held

logger = logging.getLogger("sluice.desk")
Work = Callable[[], object]
#: granian's callback: it takes the exchange, which sends the answer, and the request's part of the environ.
Callback = Callable[[Any, dict[str, Any]], Any]


class Desk:
    """Has at most `workers` threads work at a time."""

    def __init__(self, workers: int) -> None:
        self._free = workers
        self._ready: deque[Work] = deque()
        self._lock = threading.Lock()

    def submit(self, work: Work) -> None:
        """Do `work` and what has become ready meanwhile; or leave it to those who work already."""
        with self._lock:
            if not self._free:
                self._ready.append(work)
                return
            self._free -= 1
        following: Work | None = work
        while following is not None:
            try:
                following()
            except Exception:  # it may be another thread's request
                logger.exception("a request failed")
            following = self._next()

    def _next(self) -> Work | None:
        with self._lock:
            if self._ready:
                return self._ready.popleft()
            self._free += 1
            return None


def around(callback: Callback, bodies: Bodies, desk: Desk) -> Callback:
    """Return granian's `callback`, which from now on gets requests whose bodies are here."""

    def run(exchange: Any, scope: dict[str, Any]) -> None:
        scope["wsgi.input"] = body = bodies.read(exchange, scope)
        if body is None:
            return
        # granian answers when the exchange does, whichever thread that is.
        work = partial(callback, exchange, scope)
        desk.submit(partial(bodies.do_and_release, work, body) if type(body) is Held else work)

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
