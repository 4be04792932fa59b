"""Writes a segment's rules as SQL: each rule is a query of who meets it, and groups are operations on sets.

Whoever meets a rule was seen in the project, so `a and not b` is the first set without the second, and `not b` alone is
everybody who was seen without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg import sql

from config.lib import sqlfile
from metrics.language.conditions import Words
from metrics.language.matching import EventMatch
from metrics.language.people import People
from metrics.rollups.definitions import USERS, USERS_1D
from metrics.rollups.spans import cover
from metrics.segments.reading import span_of
from metrics.segments.rules import All, AnyOf, Did, Listed, Not, Rule, Trait

SQL = sqlfile.load(__file__, "compile.sql")
_EVER = sql.SQL("true")
_ANY_EVENT = EventMatch()
#: More often than anybody can have done something.
_NO_END = 2**62


def members(rules: Rule, words: Words, people: People, *, project_id: int, now: datetime) -> sql.Composable:
    """Return a query of one column `person`: those who meet the rules, each at least once.

    `within` ends with the minute of `now`. Values are bound in `words`.
    """
    own = Words.about(people, words.params)
    return _Writer(own, people, project_id, now).query(rules)


def positive(rule: Rule) -> Rule:
    """Return the same rule so that only a `Not` says whom it leaves out."""
    match rule:
        case Did(at_least=0, at_most=int(most)):
            return Not(replace(rule, at_least=most + 1, at_most=None))
        case Trait(condition) if condition.op == "ne":
            return Not(Trait(replace(condition, op="eq")))
        case Trait(condition) if condition.op == "exists" and condition.values == ("false",):
            return Not(Trait(replace(condition, values=("true",))))
    return rule


@dataclass(frozen=True, slots=True)
class _Writer:
    words: Words
    people: People
    project_id: int
    now: datetime

    def query(self, rule: Rule) -> sql.Composable:
        """Return the query of those who meet a rule."""
        match positive(rule):
            case Did() as did:
                return self._did(did)
            case Trait(condition):
                name = self.words.bind(condition.field.removeprefix("props."))
                return self._filled("trait", name=name, condition=self.words.condition(condition))
            case Listed(segment_id):
                return self._filled("listed", segment=self.words.bind(segment_id))
            case AnyOf(rules):
                return _joined("UNION", [self.query(one) for one in rules])
            case All(rules):
                return self._all(rules)
            case Not() as negative:
                return self._all([negative])

    def _all(self, rules: Sequence[Rule]) -> sql.Composable:
        plain = [positive(one) for one in rules]
        wanted = [self.query(one) for one in plain if not isinstance(one, Not)]
        unwanted = [self.query(one.rule) for one in plain if isinstance(one, Not)]
        return _joined("EXCEPT", [_joined("INTERSECT", wanted or [self._seen(None)]), *unwanted])

    def _did(self, rule: Did) -> sql.Composable:
        text = rule.within or rule.range
        span = span_of(text, self.now) if text else None
        once = rule.at_least == 1 and rule.at_most is None
        if rule.match == _ANY_EVENT and once:
            return self._seen(span)
        return self._filled(
            "did",
            span=self._span("ts", *span) if span else _EVER,
            matches=self.words.matches(rule.match),
            times=sql.SQL("") if once else self._times(rule),
        )

    def _times(self, rule: Did) -> sql.Composable:
        most = _NO_END if rule.at_most is None else rule.at_most
        at_least, at_most = self.words.bind(rule.at_least), self.words.bind(most)
        return sql.SQL(SQL["times"]).format(at_least=at_least, at_most=at_most)

    def _seen(self, span: tuple[datetime, datetime] | None) -> sql.Composable:
        """Return the query of everybody who was seen: ever, or in a time."""
        if span is None:
            return self._filled("seen", relation=sql.Identifier(USERS_1D.relation), span=_EVER)
        parts = [
            self._filled(
                "seen",
                relation=sql.Identifier(rollup.relation if rollup else "event"),
                span=self._span("bucket" if rollup else "ts", start, end),
            )
            for rollup, start, end in cover(*span, USERS)
        ]
        return _joined("UNION ALL", parts)

    def _span(self, column: str, start: datetime, end: datetime) -> sql.Composable:
        moment = sql.SQL("e.{}").format(sql.Identifier(column))
        bounds = {"start": self.words.bind(start), "end": self.words.bind(end)}
        return sql.SQL(SQL["span"]).format(moment=moment, **bounds)

    def _filled(self, block: str, **parts: sql.Composable) -> sql.Composable:
        project = self.words.bind(self.project_id)
        known = {"person": self.people.person, "aliases": self.people.aliases, "project": project}
        return sql.SQL(SQL[block]).format(**known, **parts)


def _joined(operation: str, queries: Sequence[sql.Composable]) -> sql.Composable:
    """Return one query of several, each in brackets: what binds how is not left to chance."""
    if len(queries) == 1:
        return queries[0]
    bracketed = [sql.SQL("({})").format(query) for query in queries]
    return sql.SQL(f" {operation} ").join(bracketed)
