"""Defined metrics as the page lists them: what each counts, in words, and how far its history is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metrics.dashboards import figures
from metrics.definitions.spec import BEGINNING, PERCENTILE, USERS
from metrics.errors import BadQuestion
from metrics.language.filters import Filter
from metrics.language.matching import read_match
from metrics.models import MetricDefinition

State = MetricDefinition.State
_VALUES = {"sum": "Sum", "avg": "Average", "min": "Smallest", "max": "Largest"}
_OPS = {
    "eq": "is",
    "ne": "is not",
    "in": "is one of",
    "contains": "contains",
    "gte": "≥",
    "gt": ">",
    "lte": "≤",
    "lt": "<",
}


@dataclass(frozen=True)
class DefinitionLine:
    """One defined metric; `rows` is empty until they were counted.

    `covered_from` is None where nothing is computed yet, or everything (`covers_all`).
    """

    name: str
    counts: str
    dimensions: str
    state: str
    is_building: bool
    is_stopped: bool
    progress: int
    rows: str
    covered_from: datetime | None
    covers_all: bool
    made_by: str
    made_at: datetime
    message: str


def definition_line(one: MetricDefinition) -> DefinitionLine:
    """Return a definition as a line."""
    covers_all = one.covered_from is not None and one.covered_from <= BEGINNING
    return DefinitionLine(
        name=one.name,
        counts=in_words(one),
        dimensions=", ".join(one.dimensions),
        state=State(one.state).label,
        is_building=one.state == State.BUILDING,
        is_stopped=one.state == State.STOPPED,
        progress=one.progress,
        rows=figures.short(one.rows) if one.rows else "",
        covered_from=None if covers_all else one.covered_from,
        covers_all=covers_all,
        made_by=one.created_by,
        made_at=one.created_at,
        message=one.message,
    )


def in_words(one: MetricDefinition) -> str:
    """Return what a definition measures: Sum of props.amount of order events where props.country is DE."""
    try:
        match = read_match(one.match, field="match")
    except BadQuestion:
        return "It cannot be read, and is not kept."
    what = f"{' or '.join(match.types)} events" if match.types else "events of every type"
    where = " and ".join(map(_condition, match.filters))
    return f"{_measure(one)} {what}{f' where {where}' if where else ''}"


def _measure(one: MetricDefinition) -> str:
    if one.measure == USERS:
        return "Users with"
    if one.measure == "count":
        return "Number of"
    word = f"p{round((one.quantile or 0) * 100)}" if one.measure == PERCENTILE else _VALUES[one.measure]
    return f"{word} of props.{one.prop} of"


def _condition(one: Filter) -> str:
    if one.op == "exists":
        return f"{one.field} {'is absent' if one.values == ('false',) else 'is there'}"
    return f"{one.field} {_OPS[one.op]} {', '.join(one.values)}"
