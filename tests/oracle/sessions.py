"""Sessions, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import sqlfile
from tests.oracle.duck import Asked, Duck, read_us

SQL = sqlfile.load(__file__, "sessions.sql")
PATH = "/api/sessions"
EXTRA = {"limit": ["1000"]}


def check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    """Compare the product's first page with DuckDB's list, down to where the page ends."""
    start, end = asked.span
    rows = duck.rows(SQL["list"], start=start, end=end, user=asked.one("userId"))
    found = [
        (one["userId"], read_us(one["start"]), read_us(one["end"]), one["events"], one["entry"], one["exit"])
        for one in body["sessions"]
    ]
    if body["nextCursor"]:
        edge = found[-1][1]
        found, rows = ([one for one in some if one[1] > edge] for some in (found, rows))
    assert sorted(found) == sorted(rows)
    assert [one[1] for one in found] == sorted((one[1] for one in found), reverse=True)
