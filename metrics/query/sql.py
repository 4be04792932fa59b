"""Writes the SQL of a plan. Values and property names are bound; only relation names and fragments are composed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.query.planner import RAW, SESSIONS, Part, Plan
from metrics.query.spec import Filter, Measure, Question
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
#: float64 ends at 308 digits before the point and 324 after it.
_EXPONENTS = 330
#: How the rows of a rollup are read.
_BLOCKS = {
    rollup.relation: block
    for block, rollups in (("rows_counts", EVENTS), ("rows_users", USERS), ("rows_values", VALUES))
    for rollup in rollups
}
#: The counts beside the numbers: they know the types whose events have none.
_COUNTS_OF = {of.relation: one.relation for of in VALUES for one in EVENTS if one.grain == of.grain}
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Statement:
    """One statement in the making: its parameters grow while its fragments are composed."""

    def __init__(self, question: Question, plan: Plan) -> None:
        self.question = question
        self.params: dict[str, Any] = {
            "project_id": question.project_id,
            "types": list(question.types) or None,
            "row_limit": ROW_LIMIT + 1,
            "edges": list(question.starts),
        }
        rows = sql.SQL(" UNION ALL ").join([self._rows(part) for part in self._parts(plan)])
        self.text = sql.SQL(SQL["answer"]).format(measure=self._measure(question.measure), rows=rows)

    def _bind(self, value: Any) -> sql.Placeholder:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return sql.Placeholder(name)

    def _measure(self, measure: Measure) -> sql.SQL:
        self.params["quantile"] = measure.quantile
        return sql.SQL(_MEASURES[measure.kind])

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
        span = {"start": self._bind(part.start), "end": self._bind(part.end)}
        if part.relation == SESSIONS:
            return sql.SQL(SQL["rows_sessions"]).format(**span, condition=self._session_condition())
        if part.relation == RAW:
            return sql.SQL(SQL["rows_events"]).format(
                **span, **self._groups(), value=self._value(), filters=self._filters()
            )
        block, relation = _BLOCKS[part.relation], sql.Identifier(part.relation)
        return sql.SQL(SQL[block]).format(**span, **self._groups(), relation=relation)

    def _groups(self) -> dict[str, sql.Composable]:
        named = [self._text(name) for name in self.question.group_by]
        named += [sql.SQL("NULL::text")] * (2 - len(named))
        return {"group1": named[0], "group2": named[1]}

    def _text(self, field: str) -> sql.Composable:
        """Return a field's value as text."""
        columns = {"type": "type", "userId": "user_id"}
        if field in columns:
            return sql.Identifier(columns[field])
        return sql.SQL("props ->> {}").format(self._bind(field.removeprefix("props.")))

    def _number(self, field: str) -> sql.Composable:
        if not field.startswith("props."):
            return sql.SQL("NULL::numeric")
        return sql.SQL(SQL["number"]).format(name=self._bind(field.removeprefix("props.")))

    def _value(self) -> sql.Composable:
        prop = self.question.measure.prop
        return self._number(f"props.{prop}") if prop is not None else sql.SQL("NULL::numeric")

    def _session_condition(self) -> sql.Composable:
        if not self.question.types and not self.question.filters:
            return sql.SQL("true")
        return sql.SQL(SQL["session_condition"]).format(filters=self._filters())

    def _filters(self) -> sql.Composable:
        conditions = [self._condition(one) for one in self.question.filters]
        return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")

    def _condition(self, one: Filter) -> sql.Composable:
        if one.op in ("eq", "in"):
            return self._equals(one)
        if one.op == "ne":
            return sql.SQL("NOT coalesce({}, false)").format(self._equals(one))
        if one.op == "contains":
            return sql.SQL("strpos({}, {}) > 0").format(self._text(one.field), self._bind(one.values[0]))
        if one.op == "exists":
            verb = "IS NOT NULL" if one.values[0] == "true" else "IS NULL"
            return sql.SQL("({}) {}").format(self._text(one.field), sql.SQL(verb))
        sign = sql.SQL(_COMPARISONS[one.op])
        return sql.SQL("{} {} {}").format(self._number(one.field), sign, self._bind(Decimal(one.values[0])))

    def _equals(self, one: Filter) -> sql.Composable:
        numbers = [number for value in one.values if (number := _as_number(value)) is not None]
        return sql.SQL(SQL["equals"]).format(
            field=self._text(one.field),
            values=self._bind(list(one.values)),
            number=self._number(one.field),
            numbers=sql.SQL("{}::numeric[]").format(self._bind(numbers)),
        )


def _as_number(text: str) -> Decimal | None:
    """Return `text` as a number that a property can have, or None: what float64 cannot hold is never stored."""
    try:
        number = Decimal(text)
        return number if number.is_finite() and abs(number.adjusted()) < _EXPONENTS else None
    except InvalidOperation:
        return None
