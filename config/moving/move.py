"""One run of a move, step by step. Each can be interrupted anywhere: the next run finds by itself what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from psycopg import sql

from config import engine
from config.lib import sqlfile
from config.lib.engine import recorded
from config.moving import mark as marks
from config.moving.compare import Link, columns, in_pieces, total, whole
from config.moving.ends import at_both
from config.moving.errors import GO_ON, MoveError
from config.moving.mark import Mark
from config.moving.report import Line
from config.moving.sealed import copy_sealed
from config.moving.sequences import carry_over
from config.moving.tables import BOOKS, COPIED, DEFINITIONS, EVENT, IN_PIECES, Table
from config.moving.transfer import analyze, drop_orphans, replace_unit, replace_whole
from config.moving.units import Unit, units

SQL = sqlfile.load(__file__, "move.sql")
_DAYS = sqlfile.load(__file__, "days.sql")
_DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


class Move:
    """Makes the target equal to the source's snapshot; `done` is told of rows that are found equal or were copied."""

    def __init__(self, source: Link, target: Link, mark: Mark, done: Callable[[int], object]) -> None:
        self._source, self._target, self._mark, self._done = source, target, mark, done
        self._names = columns(source, COPIED)
        here, there = recorded(source.cursor()), recorded(target.cursor())
        assert here and there
        self._sealed = engine.ROLLUPS[here]().sealed_before(source.cursor())
        self._store, self._rollups = engine.STORES[there](), engine.ROLLUPS[there]()
        self._changed: set[str] = set()

    def run(self) -> list[Line]:
        """Take all steps; return what is at both ends now."""
        self._seal()
        steps = (self._definitions, self._pieces, self._events, self._sealed_rollups, self._books)
        lines = [line for step in steps for line in step()]
        carry_over(self._source, self._target)
        for table in sorted(self._changed):
            analyze(self._target, table)
        return lines

    def rows(self) -> int:
        """Return how many rows there are to compare or copy."""
        tables = (EVENT, *IN_PIECES)
        found = (sql.SQL(SQL["rows"]).format(table=sql.Identifier(table.name)) for table in tables)
        return sum(int(self._source.execute(query).fetchall()[0][0]) for query in found)

    def _definitions(self) -> list[Line]:
        return self._whole(DEFINITIONS, afterwards=partial(drop_orphans, self._target))

    def _sealed_rollups(self) -> list[Line]:
        """Copy what only rollups know, and see that it shows."""
        if self._sealed is None:
            return []
        copy = partial(copy_sealed, self._source, self._target, self._rollups, self._sealed)
        lines = copy()
        if all(line.ok for line in lines):
            return lines
        self._rollups.uncover(self._target, self._sealed)
        return copy()

    def _books(self) -> list[Line]:
        return self._whole(BOOKS)

    def _whole(self, tables: Iterable[str], afterwards: Callable[[], None] | None = None) -> list[Line]:
        """Replace those of the tables that differ, all of them in one transaction, which leaves the mark."""
        lines = [self._line(table) for table in tables]
        with self._target.transaction():
            for line in lines:
                if not line.ok:
                    replace_whole(self._source, self._target, line.name, self._names[line.name])
            if afterwards:
                afterwards()
            self._leave(replace(self._mark, left=marks.left_at(self._target)))
        return [line if line.ok else self._line(line.name) for line in lines]

    def _line(self, table: str) -> Line:
        here, there = at_both(
            self._source, self._target, partial(whole, table=table, names=self._names[table])
        )
        return Line(table, here, there)

    def _pieces(self) -> list[Line]:
        return [self._equalled(table, table.name) for table in IN_PIECES]

    def _seal(self) -> None:
        """Seal at the target what is sealed at the source, before events come: it is not to be computed there."""
        if self._sealed is None:
            return
        with self._target.transaction():
            if not self._rollups.seal(self._target.cursor(), self._sealed):
                raise MoveError(f"rollups of the target are being computed: wait a minute, then {GO_ON}")

    def _events(self) -> list[Line]:
        days = {day for link in (self._source, self._target) for (day,) in link.execute(_DAYS["days"])}
        if self._mark.due:
            days.add(self._mark.due)
        return [self._day(day) for day in sorted(days)]

    def _day(self, day: datetime) -> Line:
        """Copy what differs of a day, then have its rollups computed; the mark says so until that is done."""
        line = self._equalled(EVENT, f"events of {day:%Y-%m-%d}", (day, day + _DAY))
        if self._mark.due == day:
            if self._sealed is None or day.date() >= self._sealed:
                self._rollups.rebuild(self._target, day, day + _DAY)
            self._leave(self._mark.with_due(None))
        return line

    def _equalled(self, table: Table, name: str, span: Span | None = None) -> Line:
        """Copy what differs of a table, or of a span of it, and compare again."""
        ask = partial(in_pieces, table=table, names=self._names[table.name], span=span)
        here, there = at_both(self._source, self._target, ask)
        todo = list(units(here, there, table.step))
        self._done(total(here.values()).rows - sum(unit.rows for unit in todo))
        for unit in todo:
            self._copy(table, unit, span)
        return Line(name, total(here.values()), total((ask(self._target) if todo else there).values()))

    def _copy(self, table: Table, unit: Unit, span: Span | None) -> None:
        with self._target.transaction():
            if span:
                self._store.prepare(self._target.cursor(), [span[0].date()])
                self._leave(self._mark.with_due(span[0]))
            replace_unit(self._source, self._target, table, self._names[table.name], unit)
        self._changed.add(table.name)
        self._done(unit.rows)

    def _leave(self, mark: Mark) -> None:
        if mark != self._mark:
            self._mark = marks.write(self._target, mark)
