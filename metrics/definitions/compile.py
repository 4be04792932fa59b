"""Writes what definitions count as SQL: over the staged events, or over the stored ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from metrics.language.matching import EventMatch
from metrics.language.people import SINGLE, People

SQL = sqlfile.load(__file__, "write.sql")
STAGING, EVENT = "staging", "event"
_ANY = sql.SQL("true")


@dataclass(slots=True)
class Branches:
    """The rows that definitions count, in one statement: `of` has (definition_id, minute, dim1, dim2, v).

    The events of a project are read once, whatever it defines, and each expression on them is computed once: what a
    definition adds to the work is a look at the columns that came of it.

    `within` is one more condition on an event `e`, which may use parameters of the statement's own; `people` says of
    each project how to tell who did an event.
    """

    relation: str = STAGING
    within: sql.Composable = field(default_factory=lambda: _ANY)
    people: Mapping[int, People] = field(default_factory=dict)
    words: Words = field(default_factory=Words)

    def of(self, definitions: Sequence[Definition]) -> sql.Composable:
        """Return the rows of all of these, which are of one kind."""
        projects = sorted({one.project_id for one in definitions})
        return sql.SQL(" UNION ALL ").join(
            [self._of_project(id, [one for one in definitions if one.project_id == id]) for id in projects]
        )

    def _of_project(self, id: int, definitions: Sequence[Definition]) -> sql.Composed:
        people, columns = self.people.get(id, SINGLE), _Columns(self.words)
        # What all of them need of an event is asked before anything is computed of it.
        conditions = [self.words.matches(_in_common(definitions)), self.within]
        rows = [self._rows(one, columns, people, alone=len(definitions) == 1) for one in definitions]
        users = any(one.measure == USERS for one in definitions)
        return sql.SQL(SQL["of_project"]).format(
            minute=sql.SQL(SQL["minute"]),
            read=columns.read(),
            kept=columns.kept(),
            events=sql.SQL("{} e {}").format(
                sql.Identifier(self.relation), people.aliases if users else sql.SQL("")
            ),
            project=self.words.bind(id),
            condition=self.words.all_of(conditions),
            rows=sql.SQL(" UNION ALL ").join(rows),
        )

    def _rows(self, one: Definition, columns: _Columns, people: People, *, alone: bool) -> sql.Composed:
        conditions = [] if alone or one.match == EventMatch() else [columns.match(one.match)]
        value: sql.Composable = sql.SQL("NULL::numeric")
        if one.measure == USERS:
            value = columns.hash(people.person)
        elif one.prop is not None:
            value = columns.number(one.prop)
            # What is no number has no part in sums and percentiles.
            conditions.append(sql.SQL("{} IS NOT NULL").format(value))
        dims: list[sql.Composable] = [columns.dimension(name) for name in one.dimensions]
        dims += [sql.SQL("NULL::text")] * (2 - len(dims))
        return sql.SQL(SQL["rows"]).format(
            definition=self.words.bind(one.id),
            dim1=dims[0],
            dim2=dims[1],
            value=value,
            condition=self.words.all_of(conditions),
        )


class _Columns:
    """What is computed once of each event, under a name for each: as it is read, and as it is kept of that."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._made: dict[tuple[Any, ...], tuple[sql.Composable, bool]] = {}

    def match(self, match: EventMatch) -> sql.Composable:
        """Return the name of whether it is one of those meant."""
        return self._of(("match", match), lambda: self._words.matches(match))

    def number(self, prop: str) -> sql.Composable:
        """Return the name of a property as a number."""
        return self._of(("number", prop), lambda: self._words.number(f"props.{prop}"))

    def hash(self, person: sql.Composable) -> sql.Composable:
        """Return the name of the hash of who did it."""
        return self._of(("hash",), lambda: sql.SQL(SQL["hash"]).format(person=person))

    def dimension(self, name: str) -> sql.Composable:
        """Return the name of a dimension's value, which is cut."""
        return self._of(("dimension", name), lambda: self._words.text(name), cut=True)

    def read(self) -> sql.Composable:
        """Return what is computed of an event."""
        return self._listed(lambda name, made, _: sql.SQL(", {} AS {}").format(made, name))

    def kept(self) -> sql.Composable:
        """Return what is made of that."""
        cut = sql.SQL(SQL["cut"])
        length = sql.Literal(DIMENSION_LENGTH)
        return self._listed(
            lambda name, _, long: sql.SQL(", {} AS {}").format(
                cut.format(dim=name, length=length) if long else name, name
            )
        )

    def _of(
        self, key: tuple[Any, ...], make: Callable[[], sql.Composable], *, cut: bool = False
    ) -> sql.Identifier:
        if key not in self._made:
            self._made[key] = (make(), cut)
        return sql.Identifier(f"c{list(self._made).index(key)}")

    def _listed(
        self, write: Callable[[sql.Identifier, sql.Composable, bool], sql.Composable]
    ) -> sql.Composable:
        listed = enumerate(self._made.values())
        return sql.SQL("").join([write(sql.Identifier(f"c{n}"), made, cut) for n, (made, cut) in listed])


def _in_common(definitions: Sequence[Definition]) -> EventMatch:
    """Return what events must be for any of these to count them: all of it where there is one, else the types."""
    if len(definitions) == 1:
        return definitions[0].match
    if not all(one.match.types for one in definitions):
        return EventMatch()
    return EventMatch(tuple(sorted({kind for one in definitions for kind in one.match.types})))


def block(text: Any, branches: sql.Composable, **names: sql.Composable) -> sql.Composed:
    """Return a block whose events are `branches`, with these names, and those that all blocks of definitions have."""
    return sql.SQL(text).format(
        **names,
        branches=branches,
        bin=sql.SQL(SQL["bin"]).format(offset=sql.Literal(BIN_OFFSET), log_gamma=sql.Literal(LOG_GAMMA)),
    )


def tables_of(kind: str) -> list[str]:
    """Return the tables that a kind of definition has rows in, finest first."""
    bases = [TABLES[kind], *([DENSE] if kind == "users" else [])]
    return [f"{base}_{grain.suffix}" for base in bases for grain in GRAINS]


def params(words: Words, **others: Any) -> dict[str, Any]:
    """Return all parameters of a statement."""
    return words.params | others
