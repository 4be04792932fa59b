"""A psycopg connection that gives up on a server that neither answers nor hangs up.

Frozen, black-holed, or behind a lost route: only the client can notice that. libpq waits at least two seconds for a
connection, and for ever for an answer.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any, Self

import psycopg

from config.lib import pooling

DEADLINE_SECONDS = 30.0
_WAIT_SECONDS = 0.1
#: What a request waits for to learn whether a connection of the pool lives.
_LOOK_SECONDS = 0.25
#: Seconds that one attempt to connect may take. A context variable: psycopg's `connect` passes nothing on.
_attempt_seconds: ContextVar[float] = ContextVar("attempt_seconds", default=DEADLINE_SECONDS)


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Bounds each wait for the server by `deadline` (seconds), and all of them by `until` where it is set.

    `until` is a moment of `time.monotonic()`. After a wait that took too long the connection is closed.
    """

    deadline: float | None = DEADLINE_SECONDS
    until: float | None = None

    @classmethod
    def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, within: float = DEADLINE_SECONDS, **kwargs: Any
    ) -> Self:
        """Connect as psycopg does, in `within` seconds: several hosts share them. Raises OperationalError."""
        hosts = 1 + str(kwargs.get("hostaddr") or kwargs.get("host") or conninfo).count(",")
        kept = _attempt_seconds.set(within / hosts)
        try:
            return super().connect(conninfo, **kwargs)
        finally:
            _attempt_seconds.reset(kept)

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        """Connect step by step. The caller comes back every tenth of a second, if only to say that nothing happened."""
        until = time.monotonic() + _attempt_seconds.get()
        steps = super()._connect_gen(conninfo)
        try:
            wanted = next(steps)
            while True:
                happened = yield wanted
                if time.monotonic() >= until:
                    steps.close()
                    raise psycopg.errors.ConnectionTimeout("the database did not answer in time")
                wanted = steps.send(happened)
        except StopIteration as end:
            return end.value

    def wait(self, gen: Any, interval: float = _WAIT_SECONDS, timeout: float | None = None) -> Any:
        """Wait for the server as psycopg does, until the deadline; then close and raise OperationalError."""
        try:
            return super().wait(gen, interval, self._patience() if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError("the database did not answer in time") from None

    def _patience(self) -> float | None:
        left = [] if self.until is None else [max(0.0, self.until - time.monotonic())]
        return min([*left, *([] if self.deadline is None else [self.deadline])], default=None)


class PooledConnection(BoundedConnection):
    """A connection of Django's pool: getting one is quick or fails, whatever its statements may take.

    Before the pool hands a connection out it asks by an empty statement whether it still lives. Where one does not,
    the others will not either: the pool is emptied instead of trying each.
    """

    deadline: float | None = None

    @classmethod
    def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, within: float = _LOOK_SECONDS, **kwargs: Any
    ) -> Self:
        """Connect for the pool, which then sets the session up and tries the connection, in as short a time."""
        made = super().connect(conninfo, within=within, **kwargs)
        made.until = time.monotonic() + within
        return made

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Execute as psycopg does; the pool's empty statement in time."""
        if query != "":
            return super().execute(query, *args, **kwargs)
        pool = getattr(self, "_pool", None)
        self.until = time.monotonic() + _LOOK_SECONDS
        try:
            found = super().execute(query, *args, **kwargs)
        except psycopg.Error:
            if pool is not None:
                pool.drain()
            raise
        finally:
            self.until = None
        if pool is not None:
            pool.timeout = pooling.WAIT_SECONDS
        return found
