"""The retention page: of those who came in a period, how many come back in later ones, as a triangle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from metrics.dashboards import figures
from metrics.dashboards.choices import Choice, name_of, one_of
from metrics.dashboards.insights import insight_params
from metrics.dashboards.shares import percent, share_of
from metrics.dashboards.view import View
from metrics.insights.retention import Cohort, ask_retention

OWN = ("period", "cohort", "came", "returned")
PERIODS = {"day": "Day", "week": "Week", "month": "Month"}
_COHORTS = {
    "first_in_range": "First time in the range",
    "first_ever": "First time ever",
    "recurring": "Every time",
}
#: Shades of the triangle: `.heat-0` to `.heat-10`.
_SHADES = 10


@dataclass(frozen=True)
class RetentionForm:
    """The question: by which period, who counts as having come, by which event, and which one is coming back."""

    period: Choice
    cohort: Choice
    came: Choice
    returned: Choice

    @property
    def fields(self) -> tuple[Choice, ...]:
        """Return them in the order of the page."""
        return (self.period, self.cohort, self.came, self.returned)


@dataclass(frozen=True)
class Cell:
    """The share of a cohort that came back in one later period; `is_open` where that period is not over."""

    share: str
    persons: str
    shade: int
    is_open: bool


@dataclass(frozen=True)
class Row:
    """One cohort: when it came, how many it is, and its cells, the period of coming first."""

    name: str
    size: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Triangle:
    """The answer: a row a cohort, and the mean over cohorts, of what is over alone and weighed by their sizes."""

    columns: tuple[str, ...]
    mean: Row
    rows: tuple[Row, ...]
    is_empty: bool
    has_open: bool


def retention_form(view: View, *, types: Sequence[str]) -> RetentionForm:
    """Return the question that the URL asks, with the names that its lists offer."""
    return RetentionForm(
        period=one_of(view, "period", "By", PERIODS, "day"),
        cohort=one_of(view, "cohort", "Who came", _COHORTS, "first_in_range"),
        came=name_of(view, "came", "with", types, "any event"),
        returned=name_of(view, "returned", "and came back with", types, "any event"),
    )


def build_triangle(*, project_id: int, view: View, form: RetentionForm) -> Triangle:
    """Ask for retention. Raises what the engine raises."""
    events = {"first": _event(form.came), "return": _event(form.returned)}
    params = insight_params(view, period=form.period.value, cohort=form.cohort.value, **events)
    answer = ask_retention(project_id=project_id, params=params)
    return triangle_of(answer.cohorts, period=form.period.value, tz=answer.question.scope.tz)


def triangle_of(cohorts: Sequence[Cohort], *, period: str, tz: ZoneInfo) -> Triangle:
    """Return cohorts as the page shows them, the times in the zone `tz`."""
    width = max((len(cohort.values) for cohort in cohorts), default=0)
    rows = tuple(
        Row(_when(cohort.start, period, tz), figures.full(cohort.size), _cells(cohort)) for cohort in cohorts
    )
    return Triangle(
        columns=tuple(f"{PERIODS[period]} {number}" for number in range(width)),
        mean=Row(
            "All",
            figures.full(sum(one.size for one in cohorts)),
            tuple(_means(cohorts, at) for at in range(width)),
        ),
        rows=rows,
        is_empty=not any(one.size for one in cohorts),
        has_open=any(cell.is_open for row in rows for cell in row.cells),
    )


def _event(choice: Choice) -> str | None:
    """Return an event type as the engine reads it, which takes what begins like JSON for JSON."""
    return json.dumps(choice.value) if choice.value else None


def _cells(cohort: Cohort) -> tuple[Cell, ...]:
    return tuple(
        _cell(persons, cohort.size, later >= cohort.complete) for later, persons in enumerate(cohort.values)
    )


def _means(cohorts: Sequence[Cohort], later: int) -> Cell:
    over = [cohort for cohort in cohorts if later < min(cohort.complete, len(cohort.values))]
    return _cell(sum(one.values[later] for one in over), sum(one.size for one in over), False)


def _cell(persons: int, size: int, is_open: bool) -> Cell:
    share = share_of(persons, size)
    shade = 0 if not share else max(1, min(_SHADES, round(share * _SHADES)))
    return Cell(percent(share), f"{figures.full(persons)} of {figures.full(size)}", shade, is_open)


def _when(start: datetime, period: str, tz: ZoneInfo) -> str:
    day = start.astimezone(tz)
    return f"{day:%b %Y}" if period == "month" else f"{day.day} {day:%b}"
