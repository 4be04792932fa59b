"""Counts and checksums, computed by the servers: equal sums at both ends are equal rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from config.moving.tables import Table

SQL = sqlfile.load(__file__, "compare.sql")
Link = psycopg.Connection[Any]
#: Where a bucket begins: a time or a number, as the table's key is.
Key = Any
Columns = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Sum:
    """How many rows, and the sum of their hashes."""

    rows: int = 0
    checksum: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.rows + other.rows, self.checksum + other.checksum)


def total(sums: Iterable[Sum]) -> Sum:
    """Add up."""
    return sum(sums, start=Sum())


def columns(link: Link, tables: Iterable[str]) -> Columns:
    """Return the columns of those of the tables that are there."""
    return dict(link.execute(SQL["columns"], {"tables": list(tables)}).fetchall())


def whole(link: Link, table: str, names: list[str]) -> Sum:
    """Return the sum over a whole table."""
    text = sql.SQL(SQL["whole"]).format(table=sql.Identifier(table), columns=listed(names))
    row = link.execute(text).fetchone()
    assert row
    return Sum(row[0], int(row[1]))


def in_pieces(
    link: Link, table: Table, names: list[str], span: tuple[Key, Key] | None = None
) -> dict[Key, Sum]:
    """Return the sum of every bucket that has rows, in order; within start <= key < end where a span is given."""
    name = sql.Identifier(table.name)
    text = sql.SQL(SQL["by_number" if isinstance(table.step, int) else "by_time"]).format(
        rows=sql.SQL(SQL["spanned"]).format(table=name, within=within(table.key, *span)) if span else name,
        key=sql.Identifier(table.key),
        step=sql.Literal(table.step),
        columns=listed(names),
    )
    return {bucket: Sum(rows, int(checksum)) for bucket, rows, checksum in link.execute(text)}


def within(key: str, start: Key, end: Key) -> sql.Composed:
    """Return the condition start <= key < end."""
    start, end = (
        sql.Literal(edge.isoformat() if isinstance(edge, datetime) else edge) for edge in (start, end)
    )
    return sql.SQL(SQL["within"]).format(key=sql.Identifier(key), start=start, end=end)


def listed(names: Iterable[str]) -> sql.Composed:
    """Return column names, separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, names))
