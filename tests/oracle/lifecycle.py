"""Lifecycle: who is new, returns, resurrects and goes dormant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import sqlfile
from tests.oracle.duck import Asked, Conditions, Duck, read_us

SQL = sqlfile.load(__file__, "lifecycle.sql")
PATH = "/api/lifecycle"
EXTRA: dict[str, list[str]] = {}
_KINDS = ("new", "returning", "resurrecting", "dormant")


def check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    """Compare an answer of the product's with DuckDB's."""
    period, (start, end) = asked.one("period", "day"), asked.span
    asked_for = duck.buckets(start, end, period, asked.tz)
    (before,) = duck.buckets(asked_for[0][0] - 1, asked_for[0][0], period, asked.tz)
    periods = [before, *asked_for]
    words = Conditions()
    conditions = [words.types(asked.many("type")), words.filters(asked.many("filter"))]
    conditions.append(words.segment(asked.one("segment")))
    starts, ends = zip(*periods, strict=True)
    rows = duck.rows(
        SQL["lives"].format(conditions=" AND ".join(conditions)),
        starts=list(starts),
        ends=list(ends),
        **words.params,
    )
    assert [read_us(one["start"]) for one in body["periods"]] == list(starts[1:])
    assert [tuple(one[kind] for kind in _KINDS) for one in body["periods"]] == [
        tuple(row[1:]) for row in rows
    ]
    assert not any(one["inProgress"] for one in body["periods"])
