"""Answers as the wire has them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from metrics.api.times import wire
from metrics.language.ranges import parse_zone
from metrics.query.ask import Answer, Series
from metrics.query.planner import Part


def metrics_body(answer: Answer, *, explained: bool = False) -> dict[str, Any]:
    """Return an answer to a question about a metric; `explained`: with what it was read from, and why."""
    tz = parse_zone(answer.tz)
    asked = {"metric": answer.metric, "step": answer.step, "tz": answer.tz}
    body = asked | _period(answer, tz, explained=explained) | {"cached": answer.cached}
    if answer.previous:
        body["previous"] = _period(answer.previous, tz, explained=explained)
    return body


def _period(answer: Answer, tz: ZoneInfo, *, explained: bool) -> dict[str, Any]:
    body = {
        "range": {"from": wire(answer.start, tz), "to": wire(answer.end, tz)},
        "series": [_series(series, tz) for series in answer.series],
        "source": answer.source,
        "accuracy": answer.accuracy.wire() if answer.accuracy else None,
        "asOf": wire(answer.as_of),
    }
    return body | _explained(answer, tz) if explained else body


def _explained(answer: Answer, tz: ZoneInfo) -> dict[str, Any]:
    return {"plan": [_part(part, tz) for part in answer.plan], "segmentReads": answer.segment_reads}


def _series(series: Series, tz: ZoneInfo) -> dict[str, Any]:
    points = [[wire(start, tz), value] for start, value in series.points]
    body = {"group": series.group, "total": series.total, "points": points}
    return body | {"rest": True} if series.rest else body


def _part(part: Part, tz: ZoneInfo) -> dict[str, str]:
    return {
        "relation": part.relation,
        "from": wire(part.start, tz),
        "to": wire(part.end, tz),
        "why": part.why,
    }
