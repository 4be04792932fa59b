"""Writes the SQL of a funnel. Values and property names are bound; only fragments are composed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.insights.funnel_question import FunnelQuestion
from metrics.language.conditions import Words
from metrics.language.people import People
from metrics.query.scope import scope_sql

SQL = sqlfile.load(__file__, "funnel.sql")


class FunnelStatement:
    """One statement in the making: its parameters grow while its fragments are composed."""

    def __init__(self, question: FunnelQuestion, people: People) -> None:
        self._question = question
        self._words = Words.about(people)
        persons = self._persons(self._chains(people))
        self.text = self._block(
            "funnel",
            placed=self._placed(persons),
            reached=_listed([self._reached(number) for number in self._numbers()]),
            sets=sql.SQL("((step), (place, step))" if question.breakdown else "((place, step))"),
        )

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""
        return self._words.params

    def _block(self, name: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(SQL[name]).format(**parts)

    def _numbers(self) -> range:
        return range(1, len(self._question.steps) + 1)

    def _chains(self, people: People) -> sql.Composable:
        chains = self._matched(people)
        window = self._words.bind(self._question.window)
        for number in self._numbers()[1:]:
            chains = self._block(
                "step",
                chains=chains,
                window=window,
                is_step=_is_step(number),
                before=_start(number - 1),
                start=_start(number),
            )
        return chains

    def _matched(self, people: People) -> sql.Composed:
        """Return the rows to look at: a chain may end a window later than the range does."""
        question, words = self._question, self._words
        scope = replace(question.scope, end=question.scope.end + question.window)
        read = scope_sql(scope, words, people)
        matches = [words.matches(step.match) for step in question.steps]
        return self._block(
            "matched",
            person=words.person,
            value=words.text(question.breakdown) if question.breakdown else sql.SQL("NULL::text"),
            first=matches[0],
            end=words.bind(question.scope.end),
            start=_start(1),
            further=_listed(
                [sql.SQL("({}) AS {}").format(match, _is_step(n)) for n, match in enumerate(matches[1:], 2)]
            ),
            events=read.events,
            condition=read.condition,
            types=self._types(),
            some_step=sql.SQL(" OR ").join([sql.SQL("({})").format(match) for match in matches]),
        )

    def _types(self) -> sql.Composable:
        """Return a condition that an index serves, where every step names its types."""
        named = [step.match.types for step in self._question.steps]
        if not all(named):
            return sql.SQL("true")
        types = sorted({name for types in named for name in types})
        return sql.SQL("e.type = ANY({})").format(self._words.bind(types))

    def _persons(self, chains: sql.Composable) -> sql.Composed:
        further = [
            sql.SQL("{} AS {}").format(self._block("shortest", start=_start(number)), _seconds(number))
            for number in self._numbers()[1:]
        ]
        value = (
            self._block("entry_value", entry=_start(1)) if self._question.breakdown else sql.SQL("NULL::text")
        )
        return self._block("persons", seconds=_listed(further), value=value, chains=chains, entry=_start(1))

    def _placed(self, persons: sql.Composable) -> sql.Composed:
        if not self._question.breakdown:
            return self._block("together", persons=persons)
        return self._block("apart", persons=persons, limit=self._words.bind(self._question.limit))

    def _reached(self, number: int) -> sql.Composable:
        """Return a person's row for one step: all are at the first at once."""
        seconds: sql.Composable = sql.SQL("0::float8") if number == 1 else _seconds(number)
        return sql.SQL("({}, {})").format(sql.Literal(number), seconds)


def _listed(parts: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _start(number: int) -> sql.Identifier:
    return sql.Identifier(f"start{number}")


def _is_step(number: int) -> sql.Identifier:
    return sql.Identifier(f"is_step{number}")


def _seconds(number: int) -> sql.Identifier:
    return sql.Identifier(f"seconds{number}")
