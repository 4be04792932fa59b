"""Reads what a question asks: chooses the relations, runs the statement, and turns sketches into numbers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import psycopg

from metrics.definitions.selectors import definitions_of
from metrics.definitions.spec import Definition
from metrics.language.people import People, people_of
from metrics.query.planner import Plan, plan
from metrics.query.sketches import RELATIVE_ERROR, STANDARD_ERROR, between
from metrics.query.spec import Question
from metrics.query.sql import Statement
from metrics.query.stale import without_stale
from metrics.query.users import users

Cursor = psycopg.Cursor[Any]
#: Rows that are turned into Python's values at a time, which takes less than a millisecond.
_PIECE = 500
#: Whether it is a total, the number of the bucket, two groups, and the value.
Row = tuple[bool, int | None, str | None, str | None, Any]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How wrong values may be: at most such a share of the numbers that they lie between, or a standard error.

    A percentile lies between two numbers that were sent, each of which a bin keeps to 1 %. Between -100 and 101 it may
    be near 0, and be wrong by 1 nevertheless.
    """

    kind: str
    error: str
    share: float

    def wire(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {"kind": self.kind, self.error: round(self.share, 6)}


BINNED = Accuracy("ddsketch", "relativeError", RELATIVE_ERROR)
ESTIMATED = Accuracy("hyperloglog", "standardError", STANDARD_ERROR)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read, and from where; `accuracy` is None where the values are exact."""

    plan: Plan
    rows: Sequence[Row]
    accuracy: Accuracy | None


def read(cursor: Cursor, question: Question) -> Found:
    """Read the rows of an answer.

    Where the definition that answered was removed meanwhile, it may have been read in part: the events are read.
    """
    people = people_of(cursor, question.project_id)
    definitions = definitions_of(cursor, question.project_id)
    found = _read(cursor, question, without_stale(cursor, plan(question, definitions)), people)
    if found.plan.use and not _still_kept(cursor, found.plan.use.definition):
        return _read(cursor, question, plan(question), people)
    return found


def _still_kept(cursor: Cursor, definition: Definition) -> bool:
    """Tell whether it covers what it covered, or more."""
    return any(
        one.id == definition.id
        and one.covered_from
        and one.covered_from <= (definition.covered_from or one.covered_from)
        for one in definitions_of(cursor, definition.project_id)
    )


def _read(cursor: Cursor, question: Question, chosen: Plan, people: People) -> Found:
    statement = Statement(question, chosen, people)
    if statement.made_of == "hashes":
        # One at a time: thousands of large groups need not be in memory together.
        stream = cast("Generator[Any]", cursor.stream(statement.text, statement.params))
        with closing(stream):
            made, is_estimated = users(stream)
        return Found(chosen, made, ESTIMATED if is_estimated else None)
    rows = _in_pieces(cursor.execute(statement.text, statement.params))
    return _from_bins(chosen, rows) if statement.made_of == "bins" else Found(chosen, rows, None)


def _in_pieces(cursor: Cursor) -> list[Row]:
    """Fetch all rows; between two pieces this process's other threads may work."""
    rows: list[Row] = []
    while piece := cursor.fetchmany(_PIECE):
        rows += piece
    return rows


def _from_bins(chosen: Plan, rows: Sequence[Any]) -> Found:
    made = [(*cell, between(low, high, share)) for *cell, low, high, share in rows]
    return Found(chosen, made, BINNED)
