"""Chooses what to read: for each part of the range the coarsest rollup that answers, else the raw events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from metrics.query.spec import Question
from metrics.rollups.definitions import EVENTS, USERS, VALUE_PROPERTY, VALUES, Rollup

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RAW = "event"
SESSIONS = "session"
#: What sums and extremes of parts tell about the whole; quantiles cannot be told.
_OF_VALUES = ("sum", "avg", "min", "max")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the range, and the relation to read it from."""

    relation: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts to read, and the name of the relation that answers the bulk of the question."""

    parts: tuple[Part, ...]
    source: str


def plan(question: Question) -> Plan:
    """Return what to read for `question`."""
    rollups = _candidates(question)
    if question.measure.kind == "sessions":
        return Plan((Part(SESSIONS, question.start, question.end),), SESSIONS)
    edges = question.starts[1:]
    usable = [rollup for rollup in rollups if all(_aligned(edge, rollup.grain) for edge in edges)]
    parts = tuple(_cover(question.start, question.end, usable))
    widest = max(parts, key=lambda part: part.end - part.start)
    return Plan(parts, widest.relation)


def _candidates(question: Question) -> Sequence[Rollup]:
    """Return the rollups that know enough for the question, coarsest first."""
    if question.filters:
        return ()
    measure, by_type = question.measure, set(question.group_by) <= {"type"}
    if measure.kind == "count" and by_type:
        return EVENTS
    if measure.kind in _OF_VALUES and measure.prop == VALUE_PROPERTY and by_type:
        return VALUES
    if measure.kind == "users" and not question.group_by and not question.types:
        return USERS
    return ()


def _cover(start: datetime, end: datetime, rollups: Sequence[Rollup]) -> Iterator[Part]:
    """Yield parts that make up start <= t < end: the middle from the first rollup, the edges from finer ones."""
    if start >= end:
        return
    if not rollups:
        yield Part(RAW, start, end)
        return
    coarsest, finer = rollups[0], rollups[1:]
    inner_start, inner_end = _ceil(start, coarsest.grain), _floor(end, coarsest.grain)
    if inner_start >= inner_end:
        yield from _cover(start, end, finer)
        return
    yield from _cover(start, inner_start, finer)
    yield Part(coarsest.relation, inner_start, inner_end)
    yield from _cover(inner_end, end, finer)


def _aligned(moment: datetime, grain: timedelta) -> bool:
    return not (moment - _EPOCH) % grain


def _floor(moment: datetime, grain: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % grain


def _ceil(moment: datetime, grain: timedelta) -> datetime:
    return -(-(moment - _EPOCH) // grain) * grain + _EPOCH
