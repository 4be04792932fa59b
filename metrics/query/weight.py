"""Tells heavy questions, which read raw events or sessions, from those that rollups answer."""

from __future__ import annotations

from datetime import timedelta

from config.lib.postgres import bounded_cursor
from metrics.definitions.selectors import definitions_of
from metrics.query.planner import RAW, SESSIONS, Plan, plan
from metrics.query.spec import Question
from metrics.query.stale import without_stale
from metrics.segments.weight import reads_events

#: What a question that rollups answer may read of raw events: an hour before their first bucket, one after the last.
_EDGES = timedelta(hours=2)


def is_heavy(question: Question) -> bool:
    """Tell whether a question is heavy: it, or the rules of its segment, read more than rollups."""
    if question.segment and reads_events(question.segment.rules):
        return True
    named = (question.definition,) if question.definition else ()
    first = plan(question, named)
    # What is kept of users may have to be read from raw events: only the database knows.
    if not _reads_much(first) and not (first.use and question.measure.kind == "users"):
        return False
    if question.measure.kind == "sessions":
        return True
    with bounded_cursor() as cursor:
        definitions = definitions_of(cursor, question.project_id)
        chosen = without_stale(cursor, plan(question, definitions))
    return _reads_much(chosen)


def _reads_much(chosen: Plan) -> bool:
    slow = [part.end - part.start for part in chosen.parts if part.relation in (RAW, SESSIONS)]
    return chosen.source in (RAW, SESSIONS) or sum(slow, timedelta()) > _EDGES
