"""Waits for a PostgreSQL server to take connections, and says why it does not."""

from __future__ import annotations

import time

import psycopg

#: Seconds. A server that recovers from a crash says so, and is waited for longer.
_PATIENCE, _RECOVERY_PATIENCE = 15.0, 900.0
_RECOVERING = ("starting up", "recovery", "shutting down", "not yet accepting")


class Unreachable(Exception):
    """The server refuses connections or stays silent; the message is one line of libpq's, without a password."""


def wait_until_reachable(url: str) -> None:
    """Return when the server takes connections; Unreachable when it refuses or stays silent for 15 s."""
    started = time.monotonic()
    while (reason := _refusal(url)) is not None:
        recovering = any(sign in reason for sign in _RECOVERING)
        waited = time.monotonic() - started
        # FATAL is an answer of the server's: a wrong password does not become right.
        if ("FATAL" in reason and not recovering) or waited > (
            _RECOVERY_PATIENCE if recovering else _PATIENCE
        ):
            raise Unreachable(f"the database cannot be reached: {reason}")
        time.sleep(0.05)


def reason(error: BaseException) -> str:
    """Return the line of a database's error that says why; psycopg puts no password into one.

    What was noted on it (`add_note`) follows in brackets: as whom it was asked.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else "no answer"
    line = next((line for line in lines if "FATAL" in line), None) or next(
        (line for line in lines if "failed" in line or "denied" in line), last
    )
    notes = [*getattr(error, "__notes__", ()), *getattr(error.__cause__, "__notes__", ())]
    return f"{line} ({notes[0]})" if notes else line


def _refusal(url: str) -> str | None:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return reason(error)
    except psycopg.ProgrammingError as error:
        raise Unreachable(f"DATABASE_URL is wrong: {str(error).strip()}") from None
    return None
