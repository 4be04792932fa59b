"""Writes the SQL of a question about the life of users. Values and property names are bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.insights.asking import RAW
from metrics.insights.lifecycle_question import LifecycleQuestion
from metrics.language.conditions import Words
from metrics.language.matching import EventMatch
from metrics.language.people import People
from metrics.query.scope import in_segment
from metrics.rollups.definitions import USERS, Rollup
from metrics.rollups.spans import BEFORE_ALL, cover, floor

SQL = sqlfile.load(__file__, "lifecycle.sql")


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time, and the relation to read it from."""

    relation: str
    start: datetime
    end: datetime


def window(question: LifecycleQuestion) -> Span:
    """Return where the periods are read: from the coarsest rollup of which no bucket lies in two periods."""
    edges = question.edges
    fit = (one for one in _rollups(question) if all(floor(edge, one.grain) == edge for edge in edges))
    rollup = next(fit, None)
    return Span(rollup.relation if rollup else RAW, edges[0], edges[-1])


def earlier(question: LifecycleQuestion) -> Iterator[Span]:
    """Yield where all the time before the periods is read: whole days, then hours, the rest from raw events."""
    for rollup, start, end in cover(BEFORE_ALL, question.edges[0], _rollups(question)):
        yield Span(rollup.relation if rollup else RAW, start, end)


def _rollups(question: LifecycleQuestion) -> Sequence[Rollup]:
    """Return the rollups that know who came, coarsest first: they do not tell events apart."""
    return USERS if question.match == EventMatch() else ()


class LifecycleStatement:
    """One statement in the making: its parameters grow while its fragments are composed."""

    def __init__(self, question: LifecycleQuestion, people: People) -> None:
        self._question, self._people = question, people
        self._words = Words.about(people)
        last = len(question.edges) - 1
        self.text = sql.SQL(SQL["lifecycle"]).format(
            starts=self._words.bind(list(question.edges[:-1])),
            last=self._words.bind(last),
            before_all=self._words.bind("1" + "0" * last),
            window=self._rows(window(question), in_segment(question.scope, self._words, people)),
            # Who is not in the window does not count: the segment need not be asked again.
            earlier=sql.SQL(" UNION ALL ").join(
                [self._rows(span, sql.SQL("true")) for span in earlier(question)]
            ),
        )

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""
        return self._words.params

    def _rows(self, span: Span, segment: sql.Composable) -> sql.Composed:
        words, raw = self._words, span.relation == RAW
        time = sql.Identifier("ts" if raw else "bucket")
        return sql.SQL(SQL["rows"]).format(
            person=words.person,
            time=time,
            relation=sql.Identifier(span.relation),
            aliases=self._people.aliases,
            project=words.bind(self._question.scope.project_id),
            since=words.bind(span.start),
            end=words.bind(span.end),
            conditions=words.matches(self._question.match) if raw else sql.SQL("true"),
            segment=segment,
        )
