"""Chooses what to read: for each part of the range the coarsest rollup that answers, else the raw events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from metrics.definitions.spec import Definition
from metrics.query.defined import Use
from metrics.query.layers import Layer, layers_of, why_raw
from metrics.query.spec import Question
from metrics.rollups.definitions import Rollup
from metrics.rollups.spans import cover, floor

RAW = "event"
SESSIONS = "session"
_EDGE = "No rollup's buckets fit this part of the range."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the range, the relation to read it from, and why, in a sentence."""

    relation: str
    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts to read, and the name of the relation that answers the bulk of the question.

    `use` says how a defined metric answers some of it, where one does.
    """

    parts: tuple[Part, ...]
    source: str
    use: Use | None = None


def plan(question: Question, definitions: Sequence[Definition] = ()) -> Plan:
    """Return what to read for `question`; `definitions` are those of its project."""
    layers = tuple(_fitting(layer, question) for layer in layers_of(question, definitions))
    rest = (
        Rest(SESSIONS, _why_sessions(question)) if _is_of_sessions(question) else Rest(RAW, why_raw(question))
    )
    parts = tuple(_through(layers, question.start, question.end, rest))
    widest = max(parts, key=lambda part: part.end - part.start)
    read = {part.relation for part in parts}
    uses = (layer.use for layer in layers if layer.use and read & {one.relation for one in layer.rollups})
    return Plan(parts, widest.relation, next(uses, None))


class Rest(NamedTuple):
    """What is read where no rollup knows the answer, and why."""

    relation: str
    why: str


def _is_of_sessions(question: Question) -> bool:
    return question.measure.kind == "sessions"


def _why_sessions(question: Question) -> str:
    if question.types or question.filters:
        return "Sessions are kept as rows; whether an event of theirs meets the conditions, the events tell."
    if question.segment:
        return "Rollups do not know whose a session is, and the question is about a segment's people."
    return _EDGE


def _fitting(layer: Layer, question: Question) -> Layer:
    """Leave out the rollups in which a bucket of the answer begins amid one of theirs."""
    edges = question.starts[1:]
    fit = [one for one in layer.rollups if all(floor(edge, one.grain) == edge for edge in edges)]
    return Layer(fit, layer.keeps, layer.use)


def _through(layers: Sequence[Layer], start: datetime, end: datetime, rest: Rest) -> Iterator[Part]:
    """Yield parts that make up start <= t < end: from the first layer what it knows, the rest from those after it."""
    if start >= end:
        return
    if not layers:
        yield Part(rest.relation, start, end, rest.why)
        return
    layer, others = layers[0], layers[1:]
    since = max(start, layer.since or start)
    yield from _through(others, start, min(since, end), rest._replace(why=_why_before(layer)))
    for rollup, first, last in cover(since, end, layer.rollups):
        why = _why(rollup, layer.keeps) if rollup else _EDGE
        yield Part(rollup.relation if rollup else rest.relation, first, last, why)


def _why_before(layer: Layer) -> str:
    return f"Kept is {layer.keeps} from {layer.since:%Y-%m-%d} on." if layer.since else _EDGE


def _why(rollup: Rollup, keeps: str) -> str:
    return f"It keeps {keeps} by {rollup.unit}, and nothing coarser fits this part of the range."
