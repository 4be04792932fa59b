"""Writes the SQL of a plan. Values and property names are bound; only relation names and fragments are composed."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.language.conditions import Words
from metrics.query.planner import RAW, SESSIONS, Part, Plan
from metrics.query.spec import Question
from metrics.rollups.definitions import EVENTS, USERS, VALUES

SQL = sqlfile.load(__file__, "sql.sql")
#: More rows than this are not read: the question has too many groups.
ROW_LIMIT = 200_000

_MEASURES = {
    "count": "coalesce(sum(n), 0)::bigint",
    "sessions": "coalesce(sum(n), 0)::bigint",
    "users": "count(DISTINCT user_id)",
    "sum": "coalesce(sum(v), 0)",
    "avg": "sum(v) / sum(n) FILTER (WHERE v IS NOT NULL)",
    "min": "min(low)",
    "max": "max(high)",
    "quantile": "percentile_cont(%(quantile)s) WITHIN GROUP (ORDER BY v::float8)",
}
#: How the rows of a rollup are read.
_BLOCKS = {
    rollup.relation: block
    for block, rollups in (("rows_counts", EVENTS), ("rows_users", USERS), ("rows_values", VALUES))
    for rollup in rollups
}
#: The counts beside the numbers: they know the types whose events have none.
_COUNTS_OF = {of.relation: one.relation for of in VALUES for one in EVENTS if one.grain == of.grain}


class Statement:
    """One statement in the making: its parameters grow while its fragments are composed."""

    def __init__(self, question: Question, plan: Plan) -> None:
        self.question = question
        self._words = Words(
            {
                "project_id": question.project_id,
                "types": list(question.types) or None,
                "row_limit": ROW_LIMIT + 1,
                "edges": list(question.starts),
                "quantile": question.measure.quantile,
            }
        )
        rows = sql.SQL(" UNION ALL ").join([self._rows(part) for part in self._parts(plan)])
        measure = sql.SQL(_MEASURES[question.measure.kind])
        self.text = sql.SQL(SQL["answer"]).format(measure=measure, rows=rows)

    @property
    def params(self) -> dict[str, Any]:
        """Return the values of its parameters."""
        return self._words.params

    def _parts(self, plan: Plan) -> list[Part]:
        """Return the plan's parts; where numbers are grouped by type, with the counts that know every type."""
        if not self.question.group_by:
            return list(plan.parts)
        counts = [
            Part(relation, part.start, part.end)
            for part in plan.parts
            if (relation := _COUNTS_OF.get(part.relation))
        ]
        return [*plan.parts, *counts]

    def _rows(self, part: Part) -> sql.Composed:
        span = {"start": self._words.bind(part.start), "end": self._words.bind(part.end)}
        if part.relation == SESSIONS:
            return sql.SQL(SQL["rows_sessions"]).format(**span, condition=self._session_condition())
        if part.relation == RAW:
            return sql.SQL(SQL["rows_events"]).format(
                **span, **self._groups(), value=self._value(), filters=self._filters()
            )
        block, relation = _BLOCKS[part.relation], sql.Identifier(part.relation)
        return sql.SQL(SQL[block]).format(**span, **self._groups(), relation=relation)

    def _groups(self) -> dict[str, sql.Composable]:
        named = [self._words.text(name) for name in self.question.group_by]
        named += [sql.SQL("NULL::text")] * (2 - len(named))
        return {"group1": named[0], "group2": named[1]}

    def _value(self) -> sql.Composable:
        prop = self.question.measure.prop
        return self._words.number(f"props.{prop}") if prop is not None else sql.SQL("NULL::numeric")

    def _session_condition(self) -> sql.Composable:
        if not self.question.types and not self.question.filters:
            return sql.SQL("true")
        return sql.SQL(SQL["session_condition"]).format(filters=self._filters())

    def _filters(self) -> sql.Composable:
        return self._words.all_of([self._words.condition(one) for one in self.question.filters])
