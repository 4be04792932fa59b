"""Answers as charts and breakdowns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from metrics.dashboards.breakdowns import bars_of
from metrics.dashboards.changes import change_of
from metrics.dashboards.charts import chart_of
from metrics.dashboards.view import read_view
from metrics.query.ask import Answer, Series

START = datetime(2026, 11, 1, tzinfo=UTC)


def series(total: float | None, *values: float | None, **group: str | None) -> Series:
    return Series(group, total, tuple((START + timedelta(days=at), value) for at, value in enumerate(values)))


def answer(*found: Series, previous: Answer | None = None) -> Answer:
    end = START + timedelta(days=2)
    return Answer("count", START, end, "1d", "UTC", found, "raw", end, (), 0, previous=previous)


def test_an_answer_without_groups_is_one_line_that_needs_no_legend() -> None:
    chart = chart_of(answer(series(3, 1, 2)), title="Events over time", label="Events", kind="area")
    assert not chart.has_legend
    assert json.loads(chart.data) == {
        "kind": "area",
        "step": "1d",
        "tz": "UTC",
        "times": [int(START.timestamp()), int(START.timestamp()) + 86400],
        "series": [{"key": "1", "label": "Events", "ink": "1", "previous": False, "values": [1, 2]}],
    }


@pytest.mark.parametrize(("before", "shown"), [((5,), (5, None)), ((5, 6, 7), (5, 6))])
def test_the_period_before_has_as_many_buckets_and_the_same_colour(
    before: tuple[int, ...], shown: tuple[int | None, ...]
) -> None:
    asked = answer(series(3, 1, 2), previous=answer(series(11, *before)))
    line = chart_of(asked, title="t", label="Events").lines[1]
    assert (line.is_previous, line.ink, line.values) == (True, "1", shown)


def test_groups_are_lines_and_the_rest_is_called_so() -> None:
    grouped = answer(series(3, 1, 2, type="other"), series(2, 1, 1, type=None), series(9, 4, 5, type="other"))
    chart = chart_of(replace(grouped, previous=grouped), title="t", label="Events", limit=2)
    assert [line.label for line in chart.lines] == ["other", "not set", "All others"]
    assert chart.has_legend


def test_an_answer_without_series_is_an_empty_chart() -> None:
    assert json.loads(chart_of(answer(), title="t", label="x").data)["series"] == []


def test_bars_filter_by_what_they_show() -> None:
    view = read_view(QueryDict("range=24h"))
    grouped = answer(
        series(40, **{"props.plan": "free"}),
        series(10, **{"props.plan": None}),
        series(90, **{"props.plan": "other"}),
    )
    bars = bars_of(
        grouped, view=view, field="props.plan", limit=2, title="Plans", heading="Plan", unit="Events"
    ).bars
    assert [(bar.name, bar.share, bar.is_named) for bar in bars] == [
        ("free", 100.0, True),
        ("not set", 25.0, False),
        ("All others", 100.0, False),
    ]
    assert bars[0].link == "range=24h&filter=props.plan%3Aeq%3Afree"
    assert bars[1].link == "range=24h&filter=props.plan%3Aexists%3Afalse"
    assert bars[2].link == ""


@pytest.mark.parametrize(
    ("value", "before", "text", "direction"),
    [
        (110, 100, "10 %", "up"),
        (50, 100, "50 %", "down"),
        (100, 100, "0 %", "same"),
        (5, 0, "new", "up"),
        (0, 0, "0 %", "same"),
    ],
)
def test_a_change_is_in_percent(value: float, before: float, text: str, direction: str) -> None:
    change = change_of(value, before)
    assert change is not None
    assert (change.text, change.direction) == (text, direction)


def test_what_is_not_known_has_no_change() -> None:
    assert change_of(None, 1) is None
    assert change_of(1, None) is None
