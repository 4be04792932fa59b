"""The lifecycle page: who is new, who stayed, who came back, and who went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.dashboards import figures
from metrics.dashboards.charts import Chart, Line
from metrics.dashboards.choices import Choice, one_of
from metrics.dashboards.insights import insight_params
from metrics.dashboards.view import View
from metrics.insights.lifecycle import Period, ask_lifecycle

OWN = ("period",)
_PERIODS = {"day": "Day", "week": "Week", "month": "Month"}
_STEPS = {"day": "1d", "week": "1w", "month": "1mo"}
#: Those who are there, from the lowest bar up: the field, its label, its colour.
_THERE = (("returning", "Returning", "1"), ("new", "New", "3"), ("resurrecting", "Resurrecting", "5"))


@dataclass(frozen=True)
class LifecycleForm:
    """The question: by which period."""

    period: Choice


@dataclass(frozen=True)
class LifeBoard:
    """The answer: those who are there and those who went, and both of the last period that is over, as figures."""

    there: Chart
    gone: Chart
    last: tuple[tuple[str, str], ...]
    is_empty: bool
    in_progress: bool


def lifecycle_form(view: View) -> LifecycleForm:
    """Return the question that the URL asks."""
    return LifecycleForm(one_of(view, "period", "By", _PERIODS, "day"))


def build_life(*, project_id: int, view: View, form: LifecycleForm) -> LifeBoard:
    """Ask for the lifecycle. Raises what the engine raises."""
    params = insight_params(view, period=form.period.value, type=view.types or None)
    answer = ask_lifecycle(project_id=project_id, params=params)
    return life_of(answer.periods, period=form.period.value, tz=view.tz)


def life_of(periods: Sequence[Period], *, period: str, tz: str) -> LifeBoard:
    """Return periods as the page shows them."""
    times, step = tuple(one.start for one in periods), _STEPS[period]
    there = [
        Line(field, label, tuple(getattr(one, field) for one in periods), ink) for field, label, ink in _THERE
    ]
    dormant = tuple(one.dormant for one in periods)
    note = f"by {period}, {tz}"
    gone = (Line("dormant", "Dormant", dormant, "7"),)
    return LifeBoard(
        there=Chart("there", "People who were there", times, tuple(there), "stacked", step, tz, note),
        gone=Chart("gone", "People who went dormant", times, gone, "bars", step, tz, note),
        last=_last(periods),
        is_empty=not any(one.new or one.returning or one.resurrecting or one.dormant for one in periods),
        in_progress=any(one.in_progress for one in periods),
    )


def _last(periods: Sequence[Period]) -> tuple[tuple[str, str], ...]:
    """Return the figures of the last period that is over; none where there is none."""
    over = [one for one in periods if not one.in_progress][-1:]
    fields = (*((field, label) for field, label, _ in _THERE), ("dormant", "Dormant"))
    return tuple((label, figures.full(getattr(one, field))) for one in over for field, label in fields)
