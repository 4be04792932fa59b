"""What all questions about people's ways have in common: they are remembered, read and dated alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, TypedDict, TypeVar

from psycopg import sql

from metrics import telemetry
from metrics.language.people import People, people_of
from metrics.query.remember import remembered, seconds_to_keep
from metrics.query.run import Cursor, asking
from metrics.query.scope import Scope
from metrics.rollups.bounds import midnight, sealed_before

Question = TypeVar("Question")
Answer = TypeVar("Answer", bound="Insight")
RAW = "event"


class Told(TypedDict):
    """What `read` knows of an answer beside its rows."""

    source: str
    as_of: datetime
    history_from: datetime | None
    seconds_to_keep: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """An answer; `as_of` is the moment up to which every accepted event is in it.

    What happened before `history_from` is not in it, because retention dropped these events; None: all is. For
    `seconds_to_keep` nobody need ask again.
    """

    source: str
    as_of: datetime
    history_from: datetime | None
    seconds_to_keep: int
    cached: bool = False


class Statement(Protocol):
    """A statement that is written."""

    @property
    def text(self) -> sql.Composed:
        """Return its text."""

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""


def answered(question: Question, compute: Callable[[Question], Answer]) -> Answer:
    """Return the answer to a question: the kept one, else what is computed."""
    answer, cached = remembered(question, lambda found: found.seconds_to_keep, lambda: compute(question))
    return replace(answer, cached=cached)


def read(
    write: Callable[[People], Statement],
    scope: Scope,
    *,
    source: str = RAW,
    heavy: bool = True,
    raw_history: bool = True,
    until: datetime | None = None,
    hint: str = "",
) -> tuple[list[tuple[Any, ...]], Told]:
    """Return the rows of a statement about a scope, and what is to be told of them.

    `raw_history` says that raw events are read that retention may have dropped; `until` is the end of what is looked
    at, where that is not the scope's. Raises QuestionTooLarge or TooBusy.
    """
    started = time.perf_counter()
    with asking(heavy=heavy, span=scope.end - scope.start, hint=hint) as (cursor, seen):
        history = _history_from(cursor) if raw_history else None
        statement = write(people_of(cursor, scope.project_id))
        rows = cursor.execute(statement.text, statement.params).fetchall()
    telemetry.query_seconds.labels(source).observe(time.perf_counter() - started)
    seconds = seconds_to_keep(until or scope.end, step="1d", seen=seen, segment=bool(scope.segment))
    return rows, Told(source=source, as_of=seen.as_of, history_from=history, seconds_to_keep=seconds)


def _history_from(cursor: Cursor) -> datetime | None:
    """Return the moment before which retention dropped raw events; None where it never did."""
    day = sealed_before(cursor)
    return midnight(day) if day else None
