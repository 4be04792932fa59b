"""What passes through the processor's steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from events.contracts import Claimed, Reject
from events.reasons import Outcome


@dataclass(frozen=True, slots=True)
class Letter:
    """A reject with the project and lane of its batch: a dead letter to be."""

    project_id: int
    lane: str
    reject: Reject


@dataclass(frozen=True, slots=True)
class Rows:
    """COPY lines of one project, to store."""

    project_id: int
    rows: bytes


@dataclass(slots=True)
class Work:
    """One claim on its way through one transaction; each step reads and adds to it."""

    cursor: psycopg.Cursor[Any]
    slot: int
    claimed: Sequence[Claimed]
    #: What to store: the batches' lines, less what was found to be poison.
    rows: Sequence[Rows] = ()
    letters: list[Letter] = field(default_factory=list)
    loaded: int = 0
    outcomes: Counter[tuple[int, Outcome]] = field(default_factory=Counter)
    #: Projects some of whose events are another person's than before.
    joined: set[int] = field(default_factory=set)


Step = Callable[[Work], Work]
