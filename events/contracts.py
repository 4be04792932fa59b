"""The values that pass between stages. Frozen, small, and free of Django."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID, uuid4

from events.reasons import Reason, Stage


class Lane(StrEnum):
    """How a batch entered: `live` events obey the time window, `historical` ones may lie anywhere in the past."""

    LIVE = "live"
    HISTORICAL = "historical"


@dataclass(frozen=True, slots=True)
class Reject:
    """An event that was accepted but cannot be stored: what a dead letter is made of.

    `id` is for dead letters what an event's id is for events: a batch that comes twice makes no second letter.
    """

    stage: Stage
    reason: Reason
    message: str
    raw: bytes
    field: str = ""
    id: UUID = dataclasses.field(default_factory=uuid4)


def reject_id(content: bytes, number: int = 0) -> UUID:
    """Return the id of a reject that is known by its content, and by a number where equal contents are many."""
    return UUID(bytes=blake2b(content, digest_size=16, key=number.to_bytes(8, "big")).digest())


@dataclass(frozen=True, slots=True)
class Batch:
    """One project's events as the gateway encodes them once: the unit that the bus carries.

    `rows` is Postgres COPY text, one line an event, with the columns of `events/processor/staging.sql`;
    `events` counts its lines. `rejects` ride along so that they are as durable as their neighbours.
    """

    project_id: int
    lane: Lane
    events: int
    rows: bytes
    rejects: tuple[Reject, ...] = ()

    @property
    def accepted(self) -> int:
        """Return how many events the batch answers for: rows and rejects."""
        return self.events + len(self.rejects)

    @property
    def size(self) -> int:
        """Return the batch's payload in bytes."""
        return len(self.rows) + sum(len(reject.raw) for reject in self.rejects)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that one processor holds: `attempts` counts this one."""

    id: int
    attempts: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits in the bus: events, bytes, and the age of the oldest batch in seconds (0 when empty).

    `fresh_seconds` is the age of the oldest one that nobody suspects, where that is another.
    """

    events: int
    bytes: int
    oldest_seconds: float
    oldest_at: datetime | None = None
    fresh_seconds: float | None = None

    @property
    def lag_seconds(self) -> float:
        """Return how far processors are behind: a parked batch is old for another reason."""
        return self.oldest_seconds if self.fresh_seconds is None else self.fresh_seconds
