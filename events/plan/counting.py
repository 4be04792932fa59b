"""Counts what broke a plan, in the transaction that stores it: so the counts are exact, and repeats are not in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from config.lib import sqlfile
from events.gateway.sanitise import sanitise
from events.plan.modes import FLAG_PLAN
from events.processor.work import Letter, Work
from events.reasons import Reason

SQL = sqlfile.load(__file__, "plan.sql")
#: How a COPY line ends whose event is marked; tabs and newlines within a field are escaped.
_MARKED = tuple(f"\t{flags}\n".encode() for flags in (FLAG_PLAN, FLAG_PLAN | 1))
_LONGEST_TYPE = 200


class _Typed(msgspec.Struct):
    type: Any = ""


def count_violations(work: Work) -> Work:
    """Add the claim's violations to the counters; a claim that has none costs a look at its bytes."""
    if any(mark in part.rows for part in work.rows for mark in _MARKED):
        work.cursor.execute(SQL["count_warned"], {"slot": work.slot})
    letters = [letter for letter in work.letters if letter.reject.reason is Reason.PLAN_VIOLATION]
    if letters:
        _count_letters(work.cursor, work.slot, letters)
    return work


def _count_letters(cursor: psycopg.Cursor[Any], slot: int, letters: Sequence[Letter]) -> None:
    params = {
        "slot": slot,
        "projects": [letter.project_id for letter in letters],
        "identities": [letter.reject.id for letter in letters],
        "types": [type_of(letter.reject.raw) for letter in letters],
    }
    cursor.execute(SQL["count_enforced"], params)


def type_of(raw: bytes) -> str:
    """Return the type of a rejected event as the gateway judged it, "" where it cannot be read."""
    try:
        found = msgspec.json.decode(raw, type=_Typed).type
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    return str(sanitise(found)).strip()[:_LONGEST_TYPE] if isinstance(found, str) else ""
