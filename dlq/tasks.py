"""Celery's part in the dead-letter queue."""

from __future__ import annotations

from collections.abc import Sequence

from celery import shared_task
from django.db import transaction

from config.engine import own_bus
from dlq import replay as replays
from dlq.models import DeadLetter
from events.bus.base import BusFull, BusUnavailable


@shared_task(autoretry_for=(BusFull, BusUnavailable), retry_backoff=True, max_retries=20)
def replay(ids: list[int], by: str) -> dict[str, int]:
    """Replay letters through the bus; where it is full or away, go on later with what is left."""
    verdict = replays.replay(ids=ids, by=by, bus=own_bus())
    return {"passed": len(verdict.passed), "failed": len(verdict.failed)}


def request_replay(*, ids: Sequence[int], by: str, project_id: int | None = None) -> int:
    """Ask Celery to replay those of the letters that are open; return how many that are."""
    rows = DeadLetter.objects.filter(id__in=ids, state=DeadLetter.State.NEW)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    chosen = sorted(rows.values_list("id", flat=True))
    if chosen:
        transaction.on_commit(lambda: replay.delay(chosen, by))
    return len(chosen)
