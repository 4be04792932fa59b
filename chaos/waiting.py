"""Waiting for something to come true, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.05


class TooLong(RuntimeError):
    """What was waited for did not come true in time."""


def wait_until(ask: Callable[[], T], *, seconds: float, what: str) -> T:
    """Return the first true value of `ask`; TooLong, naming `what`, after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := ask()):
        if time.monotonic() > until:
            raise TooLong(f"{what} took more than {seconds:g} s")
        time.sleep(_PAUSE)
    return found
