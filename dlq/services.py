"""Writes to the dead-letter queue: records, edits and discards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec
import psycopg

from config.lib import clock, sqlfile
from config.lib.errors import SluiceError
from dlq.models import DeadLetter
from events.contracts import Reject
from events.errors import InvalidJson
from events.gateway.decode import strict
from events.gateway.sanitise import sanitise
from events.reasons import Outcome

SQL = sqlfile.load(__file__, "services.sql")


class NotAnEvent(SluiceError):
    """A dead letter can only be edited to a JSON object."""

    code = "not_an_event"
    http_status = 400


class Lettered(Protocol):
    """A reject with its project and lane."""

    @property
    def project_id(self) -> int:
        """The project it belongs to."""

    @property
    def lane(self) -> str:
        """How its batch entered."""

    @property
    def reject(self) -> Reject:
        """What was rejected and why."""


def record(cursor: psycopg.Cursor[Any], letters: Iterable[Lettered]) -> Counter[tuple[int, Outcome]]:
    """Write dead letters within the transaction of `cursor`; return how many were new, and how many repeats."""
    rows = [
        {
            "project_id": letter.project_id,
            "identity": letter.reject.id,
            "lane": letter.lane,
            "stage": letter.reject.stage,
            "reason": letter.reject.reason,
            "field": letter.reject.field,
            "message": letter.reject.message,
            "raw": letter.reject.raw,
        }
        # In one order everywhere, so that two processors cannot deadlock.
        for letter in sorted(letters, key=lambda letter: (letter.project_id, letter.reject.id))
    ]
    if not rows:
        return Counter()
    cursor.executemany(SQL["record"], rows, returning=True)
    return Counter(_outcome(*row) for result in cursor.results() for row in result.fetchall())


def _outcome(project_id: int, fresh: bool) -> tuple[int, Outcome]:
    return project_id, Outcome.DEAD if fresh else Outcome.DUPLICATE


def edit(*, letter: DeadLetter, text: str) -> None:
    """Keep a corrected event beside the original bytes. Raises NotAnEvent."""
    try:
        event = sanitise(strict(text.encode("utf-8", "surrogatepass"), lines=False))
    except (InvalidJson, RecursionError) as error:
        raise NotAnEvent(str(error)) from None
    if not isinstance(event, dict):
        raise NotAnEvent()
    letter.edited = msgspec.json.encode(event)
    letter.save(update_fields=["edited"])


def discard(*, ids: Sequence[int], by: str, project_id: int | None = None) -> int:
    """Mark letters as discarded (their bytes stay); return how many were still open."""
    rows = DeadLetter.objects.filter(id__in=ids, state=DeadLetter.State.NEW)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    return rows.update(state=DeadLetter.State.DISCARDED, resolved_at=clock.now(), resolved_by=by)
