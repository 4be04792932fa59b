"""Rows become series: the largest total first, and the groups beyond the limit as one that says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from metrics.query.ask import Series, _series
from metrics.query.parse import parse_question

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)


def series(metric: str, totals: dict[str | None, float | None], **params: str) -> tuple[Series, ...]:
    asked: dict[str, list[str]] = {"metric": [metric], "range": ["2025-06-01/2025-06-02"], "step": ["1d"]}
    asked |= {"groupBy": ["props.x"], **{name: [value] for name, value in params.items()}}
    rows: list[tuple[Any, ...]] = [
        (is_total, None if is_total else 1, group, None, value)
        for group, value in totals.items()
        for is_total in (True, False)
    ]
    return _series(parse_question(project_id=1, params=asked, now=NOW), rows)


def test_what_has_no_value_comes_after_every_number() -> None:
    found = series("min:props.v", {"none": None, "below": -5, "zero": 0, "above": 2})
    assert [one.group["props.x"] for one in found] == ["above", "zero", "below", "none"]


def test_the_limit_leaves_out_what_has_no_value_first() -> None:
    (kept,) = series("min:props.v", {"none": None, "below": -5}, limit="1")
    assert kept.group == {"props.x": "below"}


def test_a_value_that_is_called_other_is_not_the_rest() -> None:
    found = series("count", {"other": 9, "a": 2, "b": 1}, limit="1")
    assert [(one.group["props.x"], one.total, one.rest) for one in found] == [
        ("other", 9, False),
        ("other", 3, True),
    ]
