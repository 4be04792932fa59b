"""What an operator can do to stored days: what would happen, whether it can, and who does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from kombu.exceptions import OperationalError as BrokerAway

from config.engine import rollups, store
from config.lib import clock
from config.lib.postgres import bounded_cursor
from events import operations
from events.models import Operation
from events.selectors import partitions
from events.store.base import Partition
from events.tasks import compress_day, drop_days
from metrics.tasks import refresh_days

Action = Operation.Action


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every partition now: days before `sealed_before` are known to the rollups alone."""

    can_compress: bool
    sealed_before: date | None
    today: datetime

    def refusal(self, action: Action, partition: Partition) -> str:
        """Return why `action` cannot be done with `partition`; nothing where it can."""
        if action == Action.COMPRESS:
            return self._no_columns(partition)
        if action == Action.REFRESH:
            sealed = self.sealed_before is not None and last_day(partition) < self.sealed_before
            return (
                "Raw events of these days were dropped before: only the rollups know them, and stay."
                if sealed
                else ""
            )
        return "" if partition.end <= self.today else "Only days that are over can be dropped."

    def _no_columns(self, partition: Partition) -> str:
        if not self.can_compress:
            return "This engine cannot turn events into columns: that needs TimescaleDB Community."
        return "" if partition.end <= self.today else "Only days that are over can be compressed."


@dataclass(frozen=True, slots=True)
class Plan:
    """What `action` would do to `partitions`, newest first; it is asked for by the first day of the newest."""

    action: Action
    partitions: Sequence[Partition]
    refusal: str

    @property
    def first(self) -> date:
        """Return the first day it is about."""
        return self.partitions[-1].day

    @property
    def last(self) -> date:
        """Return the last day it is about."""
        return last_day(self.partitions[0])

    @property
    def label(self) -> str:
        """Return what it is called."""
        return label(self.action, self.partitions[0])

    @property
    def rows(self) -> int:
        """Return how many events it is about."""
        return sum(max(partition.rows, 0) for partition in self.partitions)

    @property
    def bytes(self) -> int:
        """Return what they take on disk."""
        return sum(partition.bytes for partition in self.partitions)


def limits() -> Limits:
    """Read what holds now."""
    with bounded_cursor() as cursor:
        sealed_before = rollups().sealed_before(cursor)
    return Limits(store().can_compress, sealed_before, datetime.combine(clock.now().date(), time(), UTC))


def plan(action: Action, day: date) -> Plan | None:
    """Return what `action` would do to the partition that begins on `day`; None where there is none.

    Dropping takes everything older along: rollups know up to which day there are raw events, not which have gaps.
    """
    stored = [one.partition for one in partitions()]
    chosen = operations.find(stored, day)
    if chosen is None:
        return None
    older = [one for one in stored if one.end <= chosen.start] if action == Action.DROP else []
    return Plan(action, [chosen, *older], limits().refusal(action, chosen))


def carry_out(found: Plan, *, by: str) -> bool:
    """Ask Celery to do what was planned and note who did; False where the broker is away and nothing happens."""
    operation = operations.begin(action=found.action, by=by, first=found.first, last=found.last)
    try:
        _ask(found, operation)
    except BrokerAway:
        operations.end(operation, "not begun: the broker cannot be reached")
        return False
    return True


def _ask(found: Plan, operation: int) -> None:
    if found.action == Action.COMPRESS:
        compress_day.delay(str(found.first), operation)
    elif found.action == Action.REFRESH:
        refresh_days.delay(str(found.first), str(found.last), operation)
    else:
        drop_days.delay(str(found.partitions[0].end.date()), operation)


def label(action: Action, partition: Partition) -> str:
    """Return what `action` is called: what lies in columns takes in what came late, and batches that are too small."""
    again = action == Action.COMPRESS and partition.compressed
    return "Compress again" if again else str(action.label)


def last_day(partition: Partition) -> date:
    """Return the last UTC day of a partition."""
    return max(partition.days)
