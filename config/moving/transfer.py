"""Streams rows from one server to the other; nothing is unpacked on the way."""

from __future__ import annotations

from psycopg import sql

from config.lib import sqlfile
from config.moving.compare import Link, listed, within
from config.moving.tables import Table
from config.moving.units import Unit

SQL = sqlfile.load(__file__, "transfer.sql")


def replace_unit(source: Link, target: Link, table: Table, names: list[str], unit: Unit) -> None:
    """Make the target's rows of a unit those of the source; within the target's transaction."""
    parts = {
        "table": sql.Identifier(table.name),
        "columns": listed(names),
        "within": within(table.key, unit.start, unit.end),
    }
    if unit.replaces:
        target.execute(sql.SQL(SQL["clear"]).format(**parts))
    if unit.rows:
        _stream(source, target, "out", parts)


def replace_whole(source: Link, target: Link, table: str, names: list[str]) -> None:
    """Make all rows of the target's table those of the source; within the target's transaction."""
    parts = {"table": sql.Identifier(table), "columns": listed(names)}
    target.execute(sql.SQL(SQL["clear_whole"]).format(**parts))
    _stream(source, target, "out_whole", parts)


def drop_orphans(target: Link) -> None:
    """Remove dead letters whose project is gone: they would keep it from going."""
    target.execute(SQL["drop_orphans"])


def analyze(target: Link, table: str) -> None:
    """Tell the planner of the target what came."""
    target.execute(sql.SQL(SQL["analyze"]).format(table=sql.Identifier(table)))


def _stream(source: Link, target: Link, block: str, parts: dict[str, sql.Composable]) -> None:
    reading = source.cursor().copy(sql.SQL(SQL[block]).format(**parts))
    writing = target.cursor().copy(sql.SQL(SQL["into"]).format(**parts))
    with reading as rows, writing as copy:
        for row in rows:
            copy.write(row)
