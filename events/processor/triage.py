"""Whose fault an error is: the event's (find it, set it aside) or the system's (roll back, wait, try again)."""

from __future__ import annotations

from enum import StrEnum

import psycopg


class Fault(StrEnum):
    """Who is to blame for a failed transaction."""

    EVENT = "event"
    SYSTEM = "system"


#: SQLSTATE classes and codes that a row's content causes: data exception, check violation, program limit
#: exceeded, cardinality violation. Everything else, known or not, is never blamed on an event.
_EVENT_CLASSES = ("22", "54")
_EVENT_CODES = ("23514", "21000")


def triage(error: psycopg.Error) -> Fault:
    """Return who is to blame for `error`, by its SQLSTATE."""
    state = error.sqlstate or ""
    if state.startswith(_EVENT_CLASSES) or state in _EVENT_CODES:
        return Fault.EVENT
    return Fault.SYSTEM
