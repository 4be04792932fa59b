"""Reads what a rollup knows in a form that is the same on every engine, and puts it into another database's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import sql

from config.lib import sqlfile
from metrics.rollups.base import Cursor, Row
from metrics.rollups.definitions import Rollup

SQL = sqlfile.load(__file__, "restore.sql")
_MERGED = {"events": "merged_events", "users": "merged_users", "values": "merged_values"}
_COLUMNS = {
    "events": ("project_id", "bucket", "type", "count"),
    "users": ("project_id", "bucket", "user_id"),
    "values": ("project_id", "bucket", "type", "n", "sum", "min", "max"),
}


def merged(rollup: Rollup, start: datetime | str, end: datetime | str) -> sql.Composed:
    """Return the query for the rows of start <= bucket < end; an edge may be '-infinity' too."""
    text = sql.SQL(SQL[_MERGED[rollup.measure]])
    return text.format(relation=sql.Identifier(rollup.relation), **_edges(start, end))


def replace_span(
    cursor: Cursor,
    rollup: Rollup,
    table: sql.Identifier,
    span: tuple[datetime, datetime],
    rows: Iterable[Row],
    salt: Sequence[Any] = (),
) -> None:
    """Replace the rows of a span in the table below a rollup; `salt` is its slot, where it has any."""
    columns = (*_COLUMNS[rollup.measure], *("slot" for _ in salt))
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor.execute(sql.SQL(SQL["clear_span"]).format(table=table, **_edges(*span)))
    with cursor.copy(sql.SQL(SQL["take"]).format(table=table, columns=listed)) as copy:
        for row in rows:
            copy.write_row((*row, *salt))


def _edges(start: datetime | str, end: datetime | str) -> dict[str, sql.Composable]:
    return {"start": sql.Literal(str(start)), "end": sql.Literal(str(end))}
