"""Retention: cohorts by day, week and month of any zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import sqlfile
from tests.oracle.duck import Asked, Conditions, Duck, read_us

SQL = sqlfile.load(__file__, "retention.sql")
PATH = "/api/retention"
EXTRA: dict[str, list[str]] = {}
#: What a cohort can be, as parameters and blocks are called.
_COHORTS = ("first_in_range", "first_ever", "recurring")


def check(duck: Duck, asked: Asked, body: Mapping[str, Any]) -> None:
    """Compare an answer of the product's with DuckDB's. All is long past: every period is complete."""
    periods = duck.buckets(*asked.span, asked.one("period", "week"), asked.tz)
    words = Conditions()
    text = SQL["counts"].format(
        first=words.match(asked.one("first")),
        back=words.match(asked.one("return")),
        conditions=f"{words.filters(asked.many('filter'))} AND {words.segment(asked.one('segment'))}",
        cohort=SQL[asked.one("cohort", _COHORTS[0])],
    )
    starts, ends = zip(*periods, strict=True)
    rows = duck.rows(text, starts=list(starts), ends=list(ends), **words.params)
    counts = {(number, later): persons for number, later, persons in rows}
    assert [read_us(cohort["start"]) for cohort in body["cohorts"]] == list(starts)
    for number, cohort in enumerate(body["cohorts"]):
        assert cohort["size"] == counts.get((number, None), 0), cohort
        later = range(len(periods) - number)
        assert cohort["values"] == [counts.get((number, one), 0) for one in later], cohort
        assert cohort["complete"] == len(cohort["values"])
