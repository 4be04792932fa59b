"""Which relations know the answer to a question, best first. What none of them knows is read from the raw events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from metrics.definitions.spec import Definition
from metrics.query.defined import Use, use_of
from metrics.query.spec import Question
from metrics.rollups.definitions import EVENTS, SESSIONS, USERS, VALUE_PROPERTY, VALUES, Rollup

#: What sums and extremes of parts tell about the whole; quantiles cannot be told.
OF_VALUES = ("sum", "avg", "min", "max")


@dataclass(frozen=True, slots=True)
class Layer:
    """Relations that know the answer, coarsest first; `keeps` says what they keep.

    A defined metric's (`use`) know it from `since` on, all others for all time.
    """

    rollups: Sequence[Rollup]
    keeps: str
    use: Use | None = None

    @property
    def since(self) -> datetime | None:
        """Return from when on it knows the answer."""
        return self.use.definition.covered_from if self.use else None


def layers_of(question: Question, definitions: Sequence[Definition]) -> tuple[Layer, ...]:
    """Return what knows the answer, best first; `definitions` are the project's that keep anything."""
    always, kept = _always(question), _defined(question, definitions)
    # Names in one, hashes in the other: users are read from one kind, and the names go back further.
    if always and (question.definition is None or question.measure.kind == "users"):
        return (always,)
    return tuple(layer for layer in (kept, always) if layer)


def _always(question: Question) -> Layer | None:
    """Return the rollups that every project has, where they know enough."""
    if question.filters:
        return None
    measure, by_type = question.measure, set(question.group_by) <= {"type"} and not question.segment
    if measure.kind == "count" and by_type:
        return Layer(EVENTS, "counts by type")
    if measure.kind in OF_VALUES and measure.prop == VALUE_PROPERTY and by_type:
        return Layer(VALUES, f"sums and extremes of props.{VALUE_PROPERTY} by type")
    if measure.kind == "users" and not question.group_by and not question.types:
        return Layer(USERS, "who was there")
    if measure.kind == "sessions" and not question.types and not question.segment:
        return Layer(SESSIONS, "sessions by their start")
    return None


def _defined(question: Question, definitions: Sequence[Definition]) -> Layer | None:
    """Return the defined metric that answers: the one that is named, else the one that is kept for longest."""
    uses = [use for one in definitions if one.covered_from and (use := use_of(one, question))]
    if not uses:
        return None
    best = min(uses, key=lambda use: (not _is_named(use, question), use.definition.covered_from))
    return Layer(best.rollups, f"the metric {best.definition.name}", best)


def _is_named(use: Use, question: Question) -> bool:
    return question.definition is not None and question.definition.id == use.definition.id


def why_raw(question: Question) -> str:
    """Say why no relation but the raw events knows the answer."""
    measure = question.measure
    if question.definition and not question.definition.covered_from:
        return f"The metric {question.definition.name} is not kept yet."
    if question.segment:
        return "Rollups do not know who did an event, and the question is about a segment's people."
    if question.filters:
        return f"No rollup knows the filter {question.filters[0]}."
    if measure.kind == "quantile" or (measure.prop and measure.prop != VALUE_PROPERTY):
        return f"No rollup keeps {measure.name}; a defined metric would."
    if question.group_by and question.group_by != ("type",):
        return f"No rollup knows groups by {' and '.join(question.group_by)}; a defined metric would."
    return "No rollup keeps users by type; a defined metric would."
