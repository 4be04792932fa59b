"""Writes the SQL of a plan. Values and property names are bound; only relation names and fragments are composed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.language.conditions import Words
from metrics.language.matching import EventMatch
from metrics.language.people import SINGLE, People
from metrics.query.kept import BIN, HASH, REGISTER, as_dimension, kept_registers, kept_rows
from metrics.query.once import is_once
from metrics.query.planner import RAW, SESSIONS, Part, Plan
from metrics.query.spec import Question
from metrics.rollups.definitions import EVENTS, USERS, VALUES
from metrics.rollups.definitions import SESSIONS as SESSION_COUNTS
from metrics.segments.compile import members

SQL = sqlfile.load(__file__, "sql.sql")
#: More rows than this are not read: the question has too many groups.
ROW_LIMIT = 200_000
#: More large groups of users than this are not read: each has 16 KB.
LARGE_LIMIT = 10_000

_MEASURES = {
    "count": "coalesce(sum(n), 0)::bigint",
    "sessions": "coalesce(sum(n), 0)::bigint",
    "sum": "coalesce(sum(v), 0)",
    "avg": "sum(v) / sum(n) FILTER (WHERE v IS NOT NULL)",
    "min": "min(low)",
    "max": "max(high)",
    "quantile": "percentile_cont(%(quantile)s) WITHIN GROUP (ORDER BY v::float8)",
}
#: How the rows of a rollup that every project has are read.
_BLOCKS = {
    rollup.relation: block
    for block, rollups in (
        ("rows_counts", EVENTS),
        ("rows_users", USERS),
        ("rows_values", VALUES),
        ("rows_session_counts", SESSION_COUNTS),
    )
    for rollup in rollups
}
#: The counts beside the numbers: they know the types whose events have none.
_COUNTS_OF = {of.relation: one.relation for of in VALUES for one in EVENTS if one.grain == of.grain}


@dataclass(frozen=True, slots=True)
class _Shape:
    """The block that makes answers of rows, what of a raw event is in a row, and how it looks where there is none."""

    answer: str
    columns: str
    none: str = "NULL"


#: By what values are made of.
_SHAPES = {
    "numbers": _Shape("answer_numbers", "columns_numbers"),
    "people": _Shape("answer_people", "columns_people", "NULL::text AS who"),
    "hashes": _Shape("answer_hashes", "columns_hashes", "NULL::bigint AS who"),
    "bins": _Shape("answer_bins", "columns_bins"),
}


class Statement:
    """One statement in the making: its parameters grow while its fragments are composed.

    Its rows are (is total, number of the bucket, group, group, value). In the place of the value stands what it is made
    of where that is `hashes` or `bins`; `made_of` says so, and `metrics.query.reading` makes the value.
    """

    def __init__(self, question: Question, plan: Plan, people: People = SINGLE) -> None:
        self.made_of = _made_of(question, plan)
        self._shape = _SHAPES[self.made_of]
        self._question, self._plan, self._people = question, plan, people
        known = {
            "project_id": question.project_id,
            "row_limit": ROW_LIMIT + 1,
            "large_limit": LARGE_LIMIT + 1,
            "edges": list(question.starts),
            "quantile": question.measure.quantile,
        }
        self._words = Words.about(people, known)
        parts = self._parts()
        rows = {part: self._rows(part) for part in parts}
        once = [part for part in parts if is_once(part, question, people)]
        block = "answer_people_once" if self.made_of == "people" and once else self._shape.answer
        self.text = sql.SQL(SQL[block]).format(
            rows=self._union([rows[part] for part in parts]),
            large=self._union(self._large(), "NULL::bytea AS registers"),
            once=self._union([rows[part] for part in once]),
            others=self._union([rows[part] for part in parts if part not in once]),
            segment=self._segment(),
            measure=sql.SQL(_MEASURES.get(question.measure.kind, "NULL")),
            register=REGISTER,
        )

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""
        return self._words.params

    def _parts(self) -> list[Part]:
        """Return the plan's parts; where numbers are grouped by type, with the counts that know every type."""
        if not self._question.group_by:
            return list(self._plan.parts)
        counts = [
            replace(part, relation=relation)
            for part in self._plan.parts
            if (relation := _COUNTS_OF.get(part.relation))
        ]
        return [*self._plan.parts, *counts]

    def _union(self, rows: Sequence[sql.Composed], columns: str | None = None) -> sql.Composable:
        none = sql.SQL(SQL["no_rows"]).format(columns=sql.SQL(columns or self._shape.none))
        return sql.SQL(" UNION ALL ").join(rows or [none])

    def _large(self) -> list[sql.Composed]:
        """Return the rows of large groups of users, which are kept apart."""
        use, group_by = self._plan.use, self._question.group_by
        if use is None or self.made_of != "hashes":
            return []
        kept = {rollup.relation for rollup in use.rollups}
        return [
            kept_registers(use, part.relation, self._words, self._span(part), group_by)
            for part in self._plan.parts
            if part.relation in kept
        ]

    def _span(self, part: Part) -> dict[str, sql.Composable]:
        return {"start": self._words.bind(part.start), "end": self._words.bind(part.end)}

    def _rows(self, part: Part) -> sql.Composed:
        span = self._span(part)
        known = {**span, "person": self._people.person, "aliases": self._people.aliases}
        if part.relation == SESSIONS:
            return sql.SQL(SQL["rows_sessions"]).format(**known, condition=self._of_session())
        if part.relation == RAW:
            return self._events(known)
        if part.relation in _BLOCKS:
            relation, groups = sql.Identifier(part.relation), _named(self._texts(), "group")
            return sql.SQL(SQL[_BLOCKS[part.relation]]).format(
                **known, **groups, relation=relation, condition=self._of_row()
            )
        assert self._plan.use is not None
        return kept_rows(self._plan.use, part.relation, self._words, span, self._question.group_by)

    def _events(self, known: Mapping[str, sql.Composable]) -> sql.Composed:
        """Return the rows of raw events; beside rows of a defined metric they look like those."""
        groups: list[sql.Composable] = [sql.SQL("group1"), sql.SQL("group2")]
        if self._plan.use:
            groups = [as_dimension(one) for one in groups]
        return sql.SQL(SQL["rows_events"]).format(
            **known,
            **_named(self._texts(), "text"),
            **_named(groups, "group"),
            value=self._value(),
            columns=sql.SQL(SQL[self._shape.columns]).format(hash=HASH, bin=BIN),
            condition=self._of_event(),
        )

    def _texts(self) -> list[sql.Composable]:
        return [self._words.text(name) for name in self._question.group_by]

    def _value(self) -> sql.Composable:
        prop = self._question.measure.prop
        return self._words.number(f"props.{prop}") if prop is not None else sql.SQL("NULL::numeric")

    # --- conditions

    def _of_row(self) -> sql.Composable:
        """Return the condition on a row of a rollup that every project has."""
        return self._words.all_of(
            [self._words.matches(EventMatch(self._question.types)), *self._in_segment()]
        )

    def _of_event(self) -> sql.Composable:
        """Return the condition on an event. A defined metric's rows do not know of events without a number."""
        question, words = self._question, self._words
        numbers = (
            [sql.SQL("{} IS NOT NULL").format(self._value())]
            if self._plan.use and question.measure.prop
            else []
        )
        return words.all_of([words.matches(self._match), *numbers, *self._in_segment()])

    def _of_session(self) -> sql.Composable:
        conditions = [*self._in_segment(sql.SQL("s.person"))]
        if self._match != EventMatch():
            event = sql.SQL(SQL["session_event"]).format(
                aliases=self._people.aliases, condition=self._words.matches(self._match)
            )
            conditions.append(event)
        return self._words.all_of(conditions)

    @property
    def _match(self) -> EventMatch:
        return EventMatch(self._question.types, self._question.filters)

    def _in_segment(self, person: sql.Composable | None = None) -> Iterable[sql.Composable]:
        if self._question.segment:
            yield sql.SQL(SQL["in_segment"]).format(person=person or self._people.person)

    def _segment(self) -> sql.Composable:
        """Return the query of the people whom the question is about; where it is about all, nobody reads it."""
        question = self._question
        if question.segment is None:
            return sql.SQL(SQL["no_segment"])
        return members(
            question.segment.rules,
            self._words,
            self._people,
            project_id=question.project_id,
            now=question.now,
        )


def _made_of(question: Question, plan: Plan) -> str:
    """Return what an answer is made of: numbers, names of people, and of a defined metric hashes of them, or bins."""
    if question.measure.kind == "users":
        return "hashes" if plan.use else "people"
    return "bins" if question.measure.kind == "quantile" and plan.use else "numbers"


def _named(groups: Sequence[sql.Composable], name: str) -> dict[str, sql.Composable]:
    """Return two groups by name: those given, and NULL for those that are not."""
    both = [*groups, *[sql.SQL("NULL::text")] * 2]
    return {f"{name}1": both[0], f"{name}2": both[1]}
