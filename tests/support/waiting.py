"""Waiting for a condition: tests never sleep and hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(ask: Callable[[], T], *, seconds: float = 30.0, what: str = "the condition") -> T:
    """Return the first true value of `ask`, asked 20 times a second; AssertionError after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < until, f"{what} did not come true within {seconds:g} s"
        time.sleep(0.05)
    return found
