"""Finds the poison in a claim by halving, so that its neighbours are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from events.contracts import Claimed
from events.processor.triage import Fault, triage


@dataclass(frozen=True, slots=True)
class Line:
    """One COPY line and the batch that it came in."""

    owner: Claimed
    text: bytes


@dataclass(frozen=True, slots=True)
class Poison:
    """A line that Postgres refuses, with what it said."""

    line: Line
    message: str


def lines_of(claimed: Sequence[Claimed]) -> list[Line]:
    """Return the batches' lines one by one: a newline within an event is escaped, so each ends a line."""
    return [Line(owner, text + b"\n") for owner in claimed for text in owner.batch.rows.split(b"\n") if text]


def find_poison(lines: Sequence[Line], attempt: Callable[[Sequence[Line]], None]) -> list[Poison]:
    """Return the lines that make `attempt` fail by their own fault. `attempt` must undo what it did.

    An error that is the system's fault passes through.
    """
    try:
        attempt(lines)
    except psycopg.Error as error:
        if triage(error) is not Fault.EVENT:
            raise
        if len(lines) == 1:
            return [Poison(lines[0], str(error).splitlines()[0])]
        half = len(lines) // 2
        return find_poison(lines[:half], attempt) + find_poison(lines[half:], attempt)
    return []
