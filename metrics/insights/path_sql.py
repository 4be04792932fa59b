"""Writes the SQL of a question about paths. Values and property names are bound; only fragments are composed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.insights.path_question import PathQuestion
from metrics.language.conditions import Words
from metrics.language.people import People
from metrics.query.scope import scope_sql
from sessions.rules import gap

SQL = sqlfile.load(__file__, "path.sql")
#: What the nodes beyond the top are called together.
OTHER = "other"
#: Characters of a node; what is longer is cut, as the entry and exit of a session are.
LONGEST = 500
#: From the events to their number in their session; all look at them in one order, so nothing is sorted anew.
_STAGES = ("starting", "in_sessions", "anchored", "steps", "numbered", "from_anchor")
_DIRECTIONS = {False: sql.SQL("ASC"), True: sql.SQL("DESC")}


class PathStatement:
    """One statement in the making: its parameters grow while its fragments are composed."""

    def __init__(self, question: PathQuestion, people: People) -> None:
        self._question = question
        self._words = Words.about(people)
        rows = self._seen(people)
        parts: dict[str, sql.Composable] = {
            "direction": _DIRECTIONS[question.backwards],
            "gap": self._words.bind(gap()),
            "collapse": self._words.bind(question.collapse),
        }
        for stage in _STAGES:
            rows = sql.SQL(SQL[stage]).format(rows=rows, **parts)
        self.text = sql.SQL(SQL["flow"]).format(
            rows=rows,
            steps=self._words.bind(question.steps),
            top=self._words.bind(question.top),
            other=self._words.bind(OTHER),
        )

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""
        return self._words.params

    def _seen(self, people: People) -> sql.Composed:
        """Return the events to look at: the filters choose steps among them, and leave the sessions what they are."""
        words, scope = self._words, self._question.scope
        read = scope_sql(replace(scope, filters=()), words, people)
        return sql.SQL(SQL["seen"]).format(
            person=words.person,
            node=words.text(self._question.node),
            longest=words.bind(LONGEST),
            anchors=words.matches(self._question.match),
            counts=words.all_of([words.condition(one) for one in scope.filters]),
            events=read.events,
            condition=read.condition,
        )
