"""Reads about dead letters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.db.models import Count

from config.lib import sqlfile
from config.lib.postgres import bounded_cursor, reading
from dlq.models import DeadLetter

SQL = sqlfile.load(__file__, "selectors.sql")


def count_by_reason(project_id: int) -> list[tuple[str, int]]:
    """Return how many open letters a project has for each reason, most first."""
    rows = DeadLetter.objects.using(reading()).filter(project_id=project_id, state=DeadLetter.State.NEW)
    counted = rows.values_list("reason").annotate(letters=Count("id")).order_by("-letters", "reason")
    return list(counted)


def open_letters() -> int:
    """Return how many letters wait for somebody to decide, in all projects."""
    return DeadLetter.objects.using(reading()).filter(state=DeadLetter.State.NEW).count()


def list_letters(
    *, project_id: int, reason: str | None, state: str, before: int | None, limit: int
) -> Sequence[DeadLetter]:
    """Return a project's letters, newest first, from `before` (an id) down."""
    rows = DeadLetter.objects.using(reading()).filter(project_id=project_id, state=state)
    if reason:
        rows = rows.filter(reason=reason)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def naming(*, project_id: int, texts: Iterable[str], limit: int = 1000) -> list[int]:
    """Return the ids of the letters whose JSON holds a text as a whole string, newest first, whatever their state."""
    # The two ways in which JSON is usually written; the rarer ones are not worth reading every letter.
    written = {json.dumps(text, ensure_ascii=ascii).encode() for text in texts for ascii in (False, True)}
    with bounded_cursor() as cursor:
        params = {"project_id": project_id, "texts": list(written), "limit": limit}
        found = cursor.execute(SQL["naming"], params)
        return [number for (number,) in found.fetchall()]
