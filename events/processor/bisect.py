"""Finds the poison in a claim by halving, so that its neighbours are stored; gives up where poison is no exception."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from config.lib.errors import SluiceError
from events.contracts import Claimed
from events.processor.copytext import plain_line
from events.processor.triage import Fault, triage

#: Fewer bad lines than this are poison whatever their share; more than half of those looked at is a bug of ours.
_MASS = 20


class MassPoison(SluiceError):
    """More than half of a claim, or nothing in particular, is to blame: that is a bug, not poison."""

    code = "mass_poison"


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


def find_poison(
    lines: Sequence[Line],
    attempt: Callable[[Sequence[Line]], None],
    *,
    attempts: int,
    until: float = math.inf,
) -> list[Poison]:
    """Return the lines that make `attempt` fail by their own fault. `attempt` must undo what it did.

    Raises MassPoison as soon as it is plain that most lines do, and after `attempts`, and at `until` (a moment of
    `time.monotonic()`). An error that is the system's fault passes through.
    """
    hunt = _Hunt(attempt, attempts, until)
    # Before and after: what refuses everything may come and go in between, and a few events must not pay for it.
    hunt.try_plain(lines)
    # In no order, for those looked at to be a fair sample: one bad producer's lines stand together.
    hunt.search(random.Random(len(lines)).sample(lines, len(lines)))
    if not hunt.found:
        raise MassPoison("the claim is refused, but no event of it is when tried again")
    hunt.try_plain(lines)
    return hunt.found


class _Hunt:
    """One search: what it may still try, what it has looked at, what it has found."""

    def __init__(self, attempt: Callable[[Sequence[Line]], None], attempts: int, until: float) -> None:
        self.found: list[Poison] = []
        self._attempt = attempt
        self._left = attempts
        self._until = until
        self._looked_at = 0

    def try_plain(self, lines: Sequence[Line]) -> None:
        """Raise MassPoison where even a plain event of one of the projects is refused: then no event is to blame."""
        owners = {line.owner.batch.project_id: line.owner for line in lines}
        message = self._refusal([Line(owner, plain_line(project)) for project, owner in owners.items()])
        if message is not None:
            raise MassPoison(f"even a plain event is refused: {message}")

    def search(self, lines: Sequence[Line]) -> None:
        """Find the poison among lines."""
        message = self._refusal(lines)
        if message is None:
            self._looked_at += len(lines)
        elif len(lines) == 1:
            self._note(Poison(lines[0], message))
        else:
            half = len(lines) // 2
            self.search(lines[:half])
            self.search(lines[half:])

    def _refusal(self, lines: Sequence[Line]) -> str | None:
        """Try some lines; return what Postgres has against them."""
        if not self._left or time.monotonic() > self._until:
            raise MassPoison(
                f"{len(self.found)} events are refused, and the search for others takes too long"
            )
        self._left -= 1
        try:
            self._attempt(lines)
        except psycopg.Error as error:
            if triage(error) is not Fault.EVENT:
                raise
            return str(error).splitlines()[0]
        return None

    def _note(self, poison: Poison) -> None:
        self.found.append(poison)
        self._looked_at += 1
        bad = len(self.found)
        if bad >= _MASS and bad * 2 > self._looked_at:
            raise MassPoison(f"{bad} of {self._looked_at} events tried were refused: {poison.message}")
