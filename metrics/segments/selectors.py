"""Reads saved segments."""

from __future__ import annotations

from config.lib.paging import Page, read_cursor, write_cursor
from config.lib.postgres import reading
from metrics.errors import BadQuestion
from metrics.models import Segment as Saved
from metrics.segments.reading import read_rules
from metrics.segments.rules import Listed, Rule, Segment


def segment_named(*, project_id: int, name: str) -> Segment:
    """Return a project's segment, to be used in a question. Raises BadQuestion where there is none.

    Asked of the readers' database, as the question is; whoever looks at segments themselves is told of the last change.
    """
    saved = Saved.objects.using(reading()).filter(project_id=project_id, name=name).first()
    if saved is None:
        raise BadQuestion("There is no such segment.", field="segment")
    return Segment(saved.pk, saved.name, rules_of(saved))


def find(*, project_id: int, name: str) -> Saved | None:
    """Return a project's segment as it is saved, or None."""
    return Saved.objects.filter(project_id=project_id, name=name).first()


def rules_of(saved: Saved) -> Rule:
    """Return the checked rules of a saved segment. Raises BadQuestion where this version does not know them."""
    return Listed(saved.pk) if saved.kind == Saved.Kind.STATIC else read_rules(saved.rules)


def list_segments(*, project_id: int, cursor: str | None = None, limit: int = 100) -> Page[Saved]:
    """Return a project's segments by name. Raises BadCursor."""
    after = read_cursor(cursor) if cursor else ""
    found = Saved.objects.filter(project_id=project_id, name__gt=after).order_by("name")
    rows = list(found[: limit + 1])
    more = len(rows) > limit
    return Page(rows[:limit], write_cursor(rows[limit - 1].name) if more else None)
