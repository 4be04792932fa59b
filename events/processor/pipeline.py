"""One claim, one transaction: the named steps, and what happens when one of them fails."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg

from events.bus.base import Consumer
from events.contracts import Claimed, Reject, reject_id
from events.processor import telemetry
from events.processor.bisect import Line, Poison, find_poison, lines_of
from events.processor.copytext import event_of, without_times
from events.processor.triage import Fault, triage
from events.processor.work import Letter, Rows, Step, Work
from events.reasons import Outcome, Reason, Stage

logger = logging.getLogger(__name__)
#: How often lines are tried to find the poison of several batches, who can be tried one by one, and of a single one,
#: which must be got over with: some seconds.
_ATTEMPTS_TOGETHER, _ATTEMPTS_ALONE = 300, 5000


class Pipeline:
    """Runs claims through `steps` on one connection.

    A search for poison ends `search_seconds` after the claim's work began: at the end of the lease others have it.
    """

    def __init__(
        self,
        *,
        connection: psycopg.Connection[tuple[Any, ...]],
        consumer: Consumer,
        steps: Sequence[Step],
        max_attempts: int,
        search_seconds: float = math.inf,
    ) -> None:
        self._connection = connection
        self._consumer = consumer
        self._steps = tuple(steps)
        self._max_attempts = max_attempts
        self._search_seconds = search_seconds

    def run(self, ids: Sequence[int]) -> Counter[tuple[int, Outcome]]:
        """Process the claimed batches in one transaction; return outcomes by (project, outcome).

        Poison events are found and dead-lettered. An error of the system's passes through, with nothing done.
        """
        until = time.monotonic() + self._search_seconds
        try:
            outcomes = self._commit(ids, poison=())
        except psycopg.Error as error:
            if triage(error) is not Fault.EVENT:
                raise
            telemetry.failures.labels(Fault.EVENT.value).inc()
            outcomes = self._commit(ids, poison=self._find_poison(ids, until))
        for (_, outcome), events in outcomes.items():
            telemetry.processed.labels(outcome.value).inc(events)
        return outcomes

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _commit(self, ids: Sequence[int], poison: Sequence[Poison]) -> Counter[tuple[int, Outcome]]:
        with self._connection.transaction():
            cursor = self._connection.cursor()
            claimed = self._consumer.take(cursor, ids)
            work = self._through(self._prepare(cursor, claimed, poison))
            self._consumer.settle(cursor, claimed)
        self._consumer.confirm([one.id for one in claimed])
        return work.outcomes

    def _through(self, work: Work) -> Work:
        for step in self._steps:
            with telemetry.step_seconds.labels(step.__name__).time():
                work = step(work)
        return work

    def _prepare(
        self, cursor: psycopg.Cursor[Any], claimed: Sequence[Claimed], poison: Sequence[Poison]
    ) -> Work:
        deadly = [one for one in claimed if one.attempts > self._max_attempts]
        sound = [one for one in claimed if one.attempts <= self._max_attempts]
        letters = [_letter(one, reject) for one in claimed for reject in one.batch.rejects]
        # A batch that was lost to another processor since is that one's to judge.
        held = {one.id for one in claimed}
        letters += [_letter(one.line.owner, _refused(one)) for one in poison if one.line.owner.id in held]
        letters += [_letter(line.owner, _died(line)) for line in lines_of(deadly)]
        refused = {found.line.text for found in poison}
        rows = [Rows(one.batch.project_id, _without(one.batch.rows, refused)) for one in sound]
        return Work(cursor, self._consumer.slot, claimed, rows, letters)

    def _find_poison(self, ids: Sequence[int], until: float) -> list[Poison]:
        with self._connection.transaction(force_rollback=True):
            claimed = self._consumer.take(self._connection.cursor(), ids)
        attempts = _ATTEMPTS_TOGETHER if len(claimed) > 1 else _ATTEMPTS_ALONE
        return find_poison(lines_of(claimed), self._attempt, attempts=attempts, until=until)

    def _attempt(self, lines: Sequence[Line]) -> None:
        """Run lines through every step and undo it. A transaction, not a savepoint: dedup tells its rows by xmin."""
        with self._connection.transaction(force_rollback=True):
            rows = [Rows(line.owner.batch.project_id, line.text) for line in lines]
            owners = list({line.owner.id: line.owner for line in lines}.values())
            self._through(Work(self._connection.cursor(), self._consumer.slot, owners, rows))


def _letter(owner: Claimed, reject: Reject) -> Letter:
    return Letter(owner.batch.project_id, owner.batch.lane.value, reject)


def _refused(poison: Poison) -> Reject:
    return _reject(poison.line, Reason.DATABASE_REFUSED, poison.message)


def _died(line: Line) -> Reject:
    return _reject(line, Reason.WORKER_DIED, "Its batch was in work each time a processor died.")


def _reject(line: Line, reason: Reason, message: str) -> Reject:
    ident = reject_id(without_times(line.text))
    return Reject(Stage.PROCESSOR, reason, message, event_of(line.text), id=ident)


def _without(rows: bytes, refused: set[bytes]) -> bytes:
    """Return the lines of `rows` that were not refused. Equal lines are equally bad: each has its own poison."""
    if not refused:
        return rows
    lines = (text + b"\n" for text in rows.split(b"\n") if text)
    return b"".join(line for line in lines if line not in refused)
