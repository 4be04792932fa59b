"""Writes conditions on an event as SQL, over a relation called `e`: `event`, or what has its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.language.filters import EXPONENTS, Filter
from metrics.language.matching import EventMatch
from metrics.language.people import SINGLE

SQL = sqlfile.load(__file__, "conditions.sql")
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_ALWAYS = sql.SQL("true")


@dataclass(slots=True)
class Words:
    """The parameters of one statement in the making, and how an event's fields are said in it.

    `person` is who did the event: `e.user_id`, or what an alias makes of it (`metrics.language.people`).
    """

    params: dict[str, Any] = field(default_factory=dict)
    person: sql.Composable = field(default_factory=lambda: SINGLE.person)

    def bind(self, value: Any) -> sql.Placeholder:
        """Return the place of a new parameter."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return sql.Placeholder(name)

    def text(self, name: str) -> sql.Composable:
        """Return the value of a field as text: of `type`, `userId` or `props.NAME`; NULL where there is none."""
        if name == "type":
            return sql.SQL("e.type")
        if name == "userId":
            return self.person
        return sql.SQL("e.props ->> {}").format(self.bind(name.removeprefix("props.")))

    def number(self, name: str) -> sql.Composable:
        """Return the value of a field as a number; NULL where it is none."""
        if not name.startswith("props."):
            return sql.SQL("NULL::numeric")
        return sql.SQL(SQL["number"]).format(name=self.bind(name.removeprefix("props.")))

    def matches(self, match: EventMatch) -> sql.Composable:
        """Return the condition that an event is one of those meant."""
        types = [sql.SQL("e.type = ANY({})").format(self.bind(list(match.types)))] if match.types else []
        return self.all_of([*types, *(self.condition(one) for one in match.filters)])

    def all_of(self, conditions: Sequence[sql.Composable]) -> sql.Composable:
        """Return the condition that all of these hold."""
        return sql.SQL(" AND ").join(conditions) if conditions else _ALWAYS

    def condition(self, one: Filter) -> sql.Composable:
        """Return a filter's condition."""
        if one.op in ("eq", "in"):
            return self._equals(one)
        if one.op == "ne":
            return sql.SQL("NOT coalesce({}, false)").format(self._equals(one))
        if one.op == "contains":
            return sql.SQL("strpos({}, {}) > 0").format(self.text(one.field), self.bind(one.values[0]))
        if one.op == "exists":
            verb = "IS NOT NULL" if one.values[0] == "true" else "IS NULL"
            return sql.SQL("({}) {}").format(self.text(one.field), sql.SQL(verb))
        sign = sql.SQL(_COMPARISONS[one.op])
        return sql.SQL("{} {} {}").format(self.number(one.field), sign, self.bind(Decimal(one.values[0])))

    def _equals(self, one: Filter) -> sql.Composable:
        numbers = [number for value in one.values if (number := _as_number(value)) is not None]
        return sql.SQL(SQL["equals"]).format(
            field=self.text(one.field),
            values=self.bind(list(one.values)),
            number=self.number(one.field),
            numbers=sql.SQL("{}::numeric[]").format(self.bind(numbers)),
        )


def _as_number(text: str) -> Decimal | None:
    """Return `text` as a number that a property can have, or None: what float64 cannot hold is never stored."""
    try:
        number = Decimal(text)
        return number if number.is_finite() and abs(number.adjusted()) < EXPONENTS else None
    except InvalidOperation:
        return None
