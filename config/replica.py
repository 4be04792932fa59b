"""How far the standby that questions are asked of (READ_DATABASE_URL) is behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import psycopg

from config.lib.postgres import connect, reading
from config.lib.sqlfile import load

SQL = load(__file__, "replica.sql")
_LOST = "unreachable"
#: Seconds that the standby may take: a host far away needs some for TCP, TLS and the password.
_SECONDS = 1.0


def begin_look() -> Callable[[float], str]:
    """Begin to ask; return what waits for the answer until a moment (monotonic) and gives it as a line.

    It is "" where questions are asked of no standby. A lost standby costs answers and no events, so it says nothing
    about whether Sluice is ready, and holds up nobody who asks that.
    """
    if reading() == "default":
        return lambda until: ""
    said: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=lambda: said.put(_line(_SECONDS)), name="replica", daemon=True).start()

    def line(until: float) -> str:
        try:
            return said.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            return _LOST

    return line


def _line(seconds: float) -> str:
    try:
        with connect(name="health", alias="read", autocommit=True, deadline=seconds) as link:
            row = link.execute(SQL["behind"]).fetchone()
    except psycopg.Error:
        return _LOST
    if row is None or row[0] is None:
        return ""
    return f"ok: {row[0]:.0f} s behind" if row[0] >= 0 else "ok: nothing replayed yet"
