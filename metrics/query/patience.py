"""One deadline for all that a question waits for: another process that computes it, a slot, and both periods of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

_until: ContextVar[float | None] = ContextVar("until", default=None)


def longest() -> float:
    """Return for how many seconds a question may wait: for a turn as long as for an answer, and for that answer."""
    return 2 * settings.QUERY_TIMEOUT_MS / 1000


def waits_until() -> float:
    """Return when this thread's question must not wait any longer (monotonic)."""
    until = _until.get()
    return time.monotonic() + longest() if until is None else until


@contextmanager
def one_deadline() -> Iterator[None]:
    """Let all that is waited for in this block have one deadline, which a block around it may have set."""
    mine = _until.set(waits_until())
    try:
        yield
    finally:
        _until.reset(mine)
