"""Writes the SQL of retention. Values and property names are bound; only fragments are composed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.insights.asking import RAW
from metrics.insights.retention_question import FIRST_EVER, RECURRING, RetentionQuestion
from metrics.language.conditions import Words
from metrics.language.matching import EventMatch
from metrics.language.people import People
from metrics.query.scope import in_segment, scope_sql
from metrics.rollups.definitions import USERS_1D, USERS_1H
from metrics.rollups.spans import BEFORE_ALL, floor

SQL = sqlfile.load(__file__, "retention.sql")
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


def source_of(question: RetentionQuestion) -> str:
    """Return the relation that answers the bulk of a question."""
    if not _is_about_presence(question):
        return RAW
    whole_days = (question.edges[-1] - question.edges[0]) / _DAY - len(_split_days(question))
    return (USERS_1D if whole_days > len(_split_days(question)) else USERS_1H).relation


class RetentionStatement:
    """One statement in the making: its parameters grow while its fragments are composed."""

    def __init__(self, question: RetentionQuestion, people: People) -> None:
        self._question, self._people = question, people
        self._words = Words.about(people)
        self.text = self._presence() if _is_about_presence(question) else self._retention()

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""
        return self._words.params

    def _block(self, name: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(SQL[name]).format(**parts)

    @property
    def _since(self) -> datetime:
        """Return from when on events are read: the first ever may lie long before the range."""
        return BEFORE_ALL if self._question.cohort == FIRST_EVER else self._question.edges[0]

    def _retention(self) -> sql.Composed:
        came = self._block("each_time" if self._question.cohort == RECURRING else "once")
        return self._block("retention", seen=self._events(), came=came)

    def _events(self) -> sql.Composed:
        question, words = self._question, self._words
        read = scope_sql(replace(question.scope, start=self._since), words, self._people)
        return self._block(
            "events",
            person=words.person,
            starts=words.bind(list(question.edges[:-1])),
            start=words.bind(question.edges[0]),
            first=words.matches(question.first),
            back=words.matches(question.back),
            events=read.events,
            condition=read.condition,
            types=self._types(),
        )

    def _types(self) -> sql.Composable:
        """Return a condition that an index serves, where both matches name their types."""
        first, back = self._question.first.types, self._question.back.types
        if not (first and back):
            return sql.SQL("true")
        return sql.SQL("e.type = ANY({})").format(self._words.bind(sorted({*first, *back})))

    def _presence(self) -> sql.Composed:
        question, words = self._question, self._words
        buckets = self._block(
            "buckets",
            days=sql.Identifier(USERS_1D.relation),
            hours=sql.Identifier(USERS_1H.relation),
            project=words.bind(question.scope.project_id),
            since=words.bind(self._since),
            end=words.bind(question.edges[-1]),
            split=words.bind(_split_days(question)),
        )
        last = len(question.periods)
        return self._block(
            "presence",
            person=words.person,
            came=self._block("came_each_time" if question.cohort == RECURRING else "came_once"),
            last=words.bind(last),
            before_all=words.bind("1" + "0" * last),
            starts=words.bind(list(question.edges[:-1])),
            buckets=buckets,
            aliases=self._people.aliases,
            segment=in_segment(question.scope, words, self._people),
        )


def _is_about_presence(question: RetentionQuestion) -> bool:
    """Tell whether the rollups of users know enough: any event counts, and no hour lies in two periods."""
    any_event = question.first == question.back == EventMatch() and not question.scope.filters
    return any_event and all(floor(edge, _HOUR) == edge for edge in question.edges)


def _split_days(question: RetentionQuestion) -> list[datetime]:
    """Return the UTC days within which a period ends."""
    return sorted({floor(edge, _DAY) for edge in question.edges if floor(edge, _DAY) != edge})
