"""Notes which properties the staged events of a claim have, and of what kind their values are."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile

SQL = sqlfile.load(__file__, "services.sql")
#: How many properties of a type are noted, and of how many types of a project.
MOST_PROPERTIES, MOST_TYPES = 1000, 500
#: With so many rows a project gets no new names: a row for each type, name, kind of value and processor's slot.
MOST_ROWS = 50_000
#: Longer names are not noted: they are in an index.
MOST_NAME_BYTES = 500
#: A claim with more events is looked at in part: one event in SAMPLE.
_SMALL_CLAIM = 64
#: A power of two.
SAMPLE = 16


def observe(cursor: psycopg.Cursor[Any], *, slot: int, fresh: int) -> None:
    """Note the properties of the events in `staging`, which are about `fresh`.

    Of a large claim a sample stands for all: the cost is that of a sixteenth, and volumes are estimates.
    """
    params = {
        "slot": slot,
        "sample": SAMPLE if fresh > _SMALL_CLAIM else 1,
        "most_properties": MOST_PROPERTIES,
        "most_types": MOST_TYPES,
        "most_rows": MOST_ROWS,
        "name_bytes": MOST_NAME_BYTES,
    }
    row = cursor.execute(_ADD_KNOWN, params).fetchone()
    if row and row[0]:
        cursor.execute(_ADD_NEW, params)


def _adding(statement: str, rows: str) -> bytes:
    add = sql.SQL(SQL["add"]).format(rows=sql.SQL(SQL[rows]))
    return sql.SQL(SQL[statement]).format(seen=sql.SQL(SQL["seen"]).format(), add=add).as_bytes(None)


_ADD_KNOWN, _ADD_NEW = _adding("add_known", "known"), _adding("add_new", "new")
