"""Sends dead letters through the gateway's encoder and the bus again. Idempotent: an event's id never changes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from django.db import transaction

from config.lib import clock
from dlq.models import DeadLetter
from events.bus.base import Bus
from events.contracts import Batch, Lane
from events.errors import InvalidJson
from events.gateway.decode import strict
from events.gateway.encode import Encoder
from events.gateway.limits import limits
from events.plan.rules import Plan
from events.plan.selectors import current_plan

_NAMESPACE = uuid.UUID("c4b0b4f8-7d0a-5a63-9b1f-51cb8f0d2f6e")


@dataclass(slots=True)
class Verdict:
    """What a replay does, or would do: letters that pass, and why the others would fail again."""

    passed: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


def dry_run(*, ids: Sequence[int], project_id: int | None = None) -> Verdict:
    """Tell which open letters would pass now. Nothing is written."""
    verdict, plan_of = Verdict(), cache(current_plan)
    for letter in _open(ids, project_id):
        _judge(letter, verdict, plan_of)
    return verdict


def replay(*, ids: Sequence[int], by: str, bus: Bus) -> Verdict:
    """Append every letter that passes to the bus and mark it replayed.

    The append comes first: a crash between the two replays the letter again, and its id makes that a duplicate.
    """
    verdict, plan_of = Verdict(), cache(current_plan)
    for letter in _open(ids, None):
        if batch := _judge(letter, verdict, plan_of):
            bus.append(batch)
            _mark(letter, by)
    return verdict


def _open(ids: Sequence[int], project_id: int | None) -> Sequence[DeadLetter]:
    rows = DeadLetter.objects.filter(id__in=ids, state=DeadLetter.State.NEW).order_by("id")
    return list(rows if project_id is None else rows.filter(project_id=project_id))


def _judge(letter: DeadLetter, verdict: Verdict, plan_of: Callable[[int], Plan | None]) -> Batch | None:
    """Encode the letter's event; note in `verdict` what came of it."""
    try:
        event = strict(bytes(letter.edited or letter.raw), lines=False)
    except InvalidJson as error:
        verdict.failed[letter.pk] = error.message
        return None
    # As if it were received when it was: windows and clock skew are those of that moment. The plan is today's.
    encoder = Encoder(letter.project_id, Lane(letter.lane), letter.received_at, limits(), odd=True)
    encoder.plan = plan_of(letter.project_id)
    encoder.encode([_identified(event, letter)])
    if encoder.errors:
        verdict.failed[letter.pk] = encoder.errors[0][1].message
        return None
    verdict.passed.append(letter.pk)
    return encoder.batch()


def _identified(event: object, letter: DeadLetter) -> object:
    """Give an event without an id one that follows from its letter, so that a second replay stores nothing."""
    if isinstance(event, dict) and event.get("eventId") is None:
        return event | {"eventId": str(uuid.uuid5(_NAMESPACE, str(letter.pk)))}
    return event


@transaction.atomic
def _mark(letter: DeadLetter, by: str) -> None:
    # One that a processor has refused again meanwhile stays open.
    rows = DeadLetter.objects.filter(pk=letter.pk, state=DeadLetter.State.NEW, refusals=letter.refusals)
    rows.update(
        state=DeadLetter.State.REPLAYED, attempts=letter.attempts + 1, resolved_at=clock.now(), resolved_by=by
    )
