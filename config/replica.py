"""How far the standby that questions are asked of (READ_DATABASE_URL) is behind."""

from __future__ import annotations

import psycopg

from config.lib.postgres import connect, reading
from config.lib.sqlfile import load

SQL = load(__file__, "replica.sql")


def replica_line(seconds: float) -> str:
    """Say it in one line, in at most `seconds`; "" where questions are asked of no standby. It is asked for each time.

    A lost standby costs answers and no events, so it says nothing about whether Sluice is ready.
    """
    if reading() == "default":
        return ""
    try:
        with connect(name="health", alias="read", autocommit=True, deadline=seconds) as link:
            row = link.execute(SQL["behind"]).fetchone()
    except psycopg.Error:
        return "unreachable"
    if row is None or row[0] is None:
        return ""
    return f"ok: {row[0]:.0f} s behind" if row[0] >= 0 else "ok: nothing replayed yet"
