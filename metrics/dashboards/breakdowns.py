"""Breakdowns: a grouped answer as a table of bars, each of which filters the page by a click."""

from __future__ import annotations

from dataclasses import dataclass

from metrics.dashboards import figures
from metrics.dashboards.view import View
from metrics.query.ask import Answer, Value

MISSING, REST = "not set", "All others"


@dataclass(frozen=True)
class Bar:
    """A group, its value, and its share of the largest one in percent; `link` filters by it, empty where none can."""

    name: str
    short: str
    full: str
    share: float
    link: str
    is_named: bool


@dataclass(frozen=True)
class Bars:
    """A breakdown by `field`. `title` is that of the table, `heading` of its groups, `unit` of its numbers."""

    title: str
    heading: str
    unit: str
    bars: tuple[Bar, ...]


def bars_of(
    answer: Answer, *, view: View, field: str, limit: int, title: str, heading: str, unit: str
) -> Bars:
    """Return an answer that was grouped by `field` alone, with the `limit` that was asked for, largest first.

    What the engine summed up beyond the limit comes last.
    """
    groups = [(series.group[field], series.total) for series in answer.series]
    largest = max((total or 0 for _, total in groups[:limit]), default=0) or 1
    bars = [
        _bar(name or MISSING, total, largest, view.with_filter(field, name), name is not None)
        for name, total in groups[:limit]
    ]
    bars.extend(_bar(REST, total, largest, "", False) for _, total in groups[limit:])
    return Bars(title, heading, unit, tuple(bars))


def _bar(name: str, total: Value, largest: float, link: str, is_named: bool) -> Bar:
    share = max(0.0, min(100.0, 100 * (total or 0) / largest))
    return Bar(name, figures.short(total), figures.full(total), share, link, is_named)
