"""Reads about dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count

from dlq.models import DeadLetter


def count_by_reason(project_id: int) -> list[tuple[str, int]]:
    """Return how many open letters a project has for each reason, most first."""
    rows = DeadLetter.objects.filter(project_id=project_id, state=DeadLetter.State.NEW)
    counted = rows.values_list("reason").annotate(letters=Count("id")).order_by("-letters", "reason")
    return list(counted)


def open_letters() -> int:
    """Return how many letters wait for somebody to decide, in all projects."""
    return DeadLetter.objects.filter(state=DeadLetter.State.NEW).count()


def list_letters(
    *, project_id: int, reason: str | None, state: str, before: int | None, limit: int
) -> Sequence[DeadLetter]:
    """Return a project's letters, newest first, from `before` (an id) down."""
    rows = DeadLetter.objects.filter(project_id=project_id, state=state)
    if reason:
        rows = rows.filter(reason=reason)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])
