"""Writes what definitions count as SQL: over the staged events, or over the stored ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.spec import (
    BIN_OFFSET,
    DENSE,
    DIMENSION_LENGTH,
    GRAINS,
    LOG_GAMMA,
    TABLES,
    USERS,
    Definition,
)
from metrics.language.conditions import Words
from metrics.language.people import SINGLE, People

SQL = sqlfile.load(__file__, "write.sql")
STAGING, EVENT = "staging", "event"
_ANY = sql.SQL("true")


@dataclass(slots=True)
class Branches:
    """The rows that definitions count, in one statement: `text` has (definition_id, ts, dim1, dim2, v).

    `within` is one more condition on an event `e`, which may use parameters of the statement's own; `people` says of
    each project how to tell who did an event.
    """

    relation: str = STAGING
    within: sql.Composable = field(default_factory=lambda: _ANY)
    people: Mapping[int, People] = field(default_factory=dict)
    words: Words = field(default_factory=Words)

    def of(self, definitions: Sequence[Definition]) -> sql.Composable:
        """Return the rows of all of these."""
        return sql.SQL(" UNION ALL ").join([self._branch(one) for one in definitions])

    def _branch(self, one: Definition) -> sql.Composed:
        people = self.people.get(one.project_id, SINGLE)
        conditions = [self.words.matches(one.match), self.within]
        if one.prop is not None:
            conditions.append(sql.SQL(SQL["has_number"]).format(name=self.words.bind(one.prop)))
        dims = [self.words.text(name) for name in one.dimensions]
        dims += [sql.SQL("NULL::text")] * (2 - len(dims))
        return sql.SQL(SQL["branch"]).format(
            definition=self.words.bind(one.id),
            dim1=dims[0],
            dim2=dims[1],
            value=self._value(one, people),
            events=sql.SQL("{} e {}").format(
                sql.Identifier(self.relation), people.aliases if one.measure == USERS else sql.SQL("")
            ),
            project=self.words.bind(one.project_id),
            condition=self.words.all_of(conditions),
        )

    def _value(self, one: Definition, people: People) -> sql.Composable:
        if one.measure == USERS:
            return sql.SQL(SQL["hash"]).format(person=people.person)
        if one.prop is None:
            return sql.SQL("NULL::numeric")
        return sql.SQL(SQL["number"]).format(name=self.words.bind(one.prop))


def block(text: Any, branches: sql.Composable, **names: sql.Composable) -> sql.Composed:
    """Return a block whose events are `branches`, with these names, and those that all blocks of definitions have."""
    return sql.SQL(text).format(
        **names,
        branches=branches,
        minute=sql.SQL(SQL["minute"]),
        dim1=_cut("dim1"),
        dim2=_cut("dim2"),
        bin=sql.SQL(SQL["bin"]).format(offset=sql.Literal(BIN_OFFSET), log_gamma=sql.Literal(LOG_GAMMA)),
    )


def _cut(name: str) -> sql.Composed:
    return sql.SQL(SQL["cut"]).format(dim=sql.Identifier(name), length=sql.Literal(DIMENSION_LENGTH))


def tables_of(kind: str) -> list[str]:
    """Return the tables that a kind of definition has rows in, finest first."""
    bases = [TABLES[kind], *([DENSE] if kind == "users" else [])]
    return [f"{base}_{grain.suffix}" for base in bases for grain in GRAINS]


def params(words: Words, **others: Any) -> dict[str, Any]:
    """Return all parameters of a statement."""
    return words.params | others
