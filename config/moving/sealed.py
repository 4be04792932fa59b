"""Copies the rollups of days whose raw events were dropped at the source: nothing else knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial

from psycopg import sql

from config.lib import sqlfile
from config.moving.compare import Link, Sum, total
from config.moving.ends import at_both
from config.moving.report import Line
from config.moving.units import Unit, units
from metrics.rollups.base import Rollups, Row
from metrics.rollups.definitions import EVENTS, USERS, VALUES, Rollup
from metrics.rollups.restore import merged

SQL = sqlfile.load(__file__, "sealed.sql")
_DAY = timedelta(days=1)


def copy_sealed(source: Link, target: Link, rollups: Rollups, before: date) -> list[Line]:
    """Make what the target's rollups say of the days before `before` what the source's say."""
    return [_copied(source, target, rollups, rollup, before) for rollup in (*EVENTS, *USERS, *VALUES)]


def _copied(source: Link, target: Link, rollups: Rollups, rollup: Rollup, before: date) -> Line:
    ask = partial(_by_day, rollup=rollup, before=before)
    here, there = at_both(source, target, ask)
    todo = list(units(here, there, _DAY))
    for unit in todo:
        with target.transaction(), _rows(source, rollup, unit) as rows:
            rollups.restore(target.cursor(), rollup, (unit.start, unit.end), rows)
    known = ask(target) if todo else there
    return Line(f"{rollup.relation} before {before}", total(here.values()), total(known.values()))


def _by_day(link: Link, rollup: Rollup, before: date) -> dict[datetime, Sum]:
    text = sql.SQL(SQL["sums"]).format(merged=merged(rollup, "-infinity", f"{before} 00:00+00"))
    return {day: Sum(rows, int(checksum)) for day, rows, checksum in link.execute(text)}


@contextmanager
def _rows(source: Link, rollup: Rollup, unit: Unit) -> Iterator[Iterable[Row]]:
    """Give the source's rows of a span; they come some thousands at a time."""
    with source.cursor("copy_to_rollup") as cursor:
        cursor.itersize = 10_000
        yield cursor.execute(merged(rollup, unit.start, unit.end))
