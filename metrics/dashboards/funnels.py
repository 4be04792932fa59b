"""The funnels page: how many people go how far, step after step, and where they are lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.dashboards import figures
from metrics.dashboards.choices import Choice, name_of, one_of, own
from metrics.dashboards.insights import insight_params
from metrics.dashboards.shares import percent
from metrics.dashboards.view import View
from metrics.insights.funnel import Funnel, Reached, ask_funnel

_MOST_STEPS = 10
_STEPS = tuple(f"step{number}" for number in range(1, _MOST_STEPS + 1))
#: The page's own parameters.
OWN = (*_STEPS, "window", "by")
_WINDOWS = {
    "1h": "1 hour",
    "1d": "1 day",
    "7d": "7 days",
    "14d": "14 days",
    "30d": "30 days",
    "90d": "90 days",
}
_WINDOW = "14d"
_MISSING, _REST = "not set", "All others"


@dataclass(frozen=True)
class StepField:
    """One step as it is asked for; `without`, `up` and `down` are the query strings of what its buttons do.

    Those that nothing would come of are empty.
    """

    number: int
    choice: Choice
    without: str
    up: str
    down: str


@dataclass(frozen=True)
class FunnelForm:
    """The question: its steps and an empty one more while there is room. `example` is a query string to begin with."""

    asked: tuple[str, ...]
    steps: tuple[StepField, ...]
    window: Choice
    by: Choice
    example: str
    example_types: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Tell whether it can be asked: one step alone is no funnel."""
        return len(self.asked) > 1


@dataclass(frozen=True)
class Step:
    """A step that people reached: shares are of the first step, `width` in percent; `lost` are those before it."""

    number: int
    name: str
    persons: str
    share: str
    width: str
    lost: str
    lost_share: str
    kept_share: str
    median: str


@dataclass(frozen=True)
class Group:
    """One value of the breakdown: who reached each step, as (persons, share of the first).

    `link` is the query string that filters by it, empty where none can.
    """

    name: str
    is_named: bool
    link: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FunnelBoard:
    """The answer. `whole` is the share of those at the first step who reached the last, `median` how long they took."""

    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    by: str
    whole: str
    median: str
    started: str
    finished: str
    is_empty: bool


def first_step(view: View) -> str:
    """Return the type of the first step, by whose properties the funnel can be broken down; empty without one."""
    return next(iter(_asked(view)), "")


def funnel_form(view: View, *, types: Sequence[str], properties: Sequence[str]) -> FunnelForm:
    """Return the question that the URL asks, with the names that its lists offer."""
    asked = _asked(view)
    example = tuple(types[:3]) if len(types) > 1 else ()
    return FunnelForm(
        asked=asked,
        steps=tuple(
            _field(view, asked, place, types) for place in range(min(max(len(asked) + 1, 2), _MOST_STEPS))
        ),
        window=one_of(view, "window", "Within", _WINDOWS, _WINDOW),
        by=name_of(view, "by", "Break down by", properties, "nothing"),
        example=_query(view, example) if example else "",
        example_types=example,
    )


def build_funnel(*, project_id: int, view: View, form: FunnelForm) -> FunnelBoard:
    """Ask for the funnel. Raises what the engine raises."""
    by = f"props.{form.by.value}" if form.by.value else None
    params = insight_params(view, step=form.asked, window=form.window.value, breakdown=by)
    answer = ask_funnel(project_id=project_id, params=params)
    return board_of(answer.whole, answer.groups, view=view, by=form.by.value)


def board_of(whole: Funnel, groups: Sequence[Funnel], *, view: View, by: str = "") -> FunnelBoard:
    """Return a funnel, and those of the groups, as the page shows them."""
    first, last = whole.steps[0], whole.steps[-1]
    return FunnelBoard(
        steps=tuple(_step(number, reached) for number, reached in enumerate(whole.steps, 1)),
        groups=tuple(_group(group, view, by) for group in groups),
        by=by,
        whole=percent(last.share_of_first),
        median=_median(last),
        started=figures.full(first.persons),
        finished=figures.full(last.persons),
        is_empty=not first.persons,
    )


def _asked(view: View) -> tuple[str, ...]:
    return tuple(value for name in _STEPS if (value := own(view, name)))


def _query(view: View, steps: Sequence[str]) -> str:
    """Return the query string that asks for these steps, and no others."""
    return view.query(**dict.fromkeys(_STEPS, "") | dict(zip(_STEPS, steps, strict=False)))


def _field(view: View, asked: tuple[str, ...], place: int, types: Sequence[str]) -> StepField:
    number, name = place + 1, _STEPS[place]
    value = asked[place] if place < len(asked) else ""
    listed = [*types] if not value or value in types else [value, *types]
    nothing = "Choose an event" if place < 2 or value else "Add a step"
    choice = Choice(name, f"Step {number}", value, (("", nothing), *((one, one) for one in listed)))
    if not value:
        return StepField(number, choice, "", "", "")
    without = _query(view, (*asked[:place], *asked[place + 1 :]))
    up = _query(view, _swapped(asked, place - 1)) if place else ""
    down = _query(view, _swapped(asked, place)) if place + 1 < len(asked) else ""
    return StepField(number, choice, without, up, down)


def _swapped(steps: tuple[str, ...], place: int) -> tuple[str, ...]:
    """Return the steps with that at `place` after the next one."""
    return (*steps[:place], steps[place + 1], steps[place], *steps[place + 2 :])


def _step(number: int, reached: Reached) -> Step:
    kept = reached.share_of_previous
    return Step(
        number=number,
        name=reached.name,
        persons=figures.full(reached.persons),
        share=percent(reached.share_of_first),
        width=f"{100 * (reached.share_of_first or 0):.2f}",
        lost=figures.full(reached.lost),
        lost_share=percent(None if kept is None else 1 - kept),
        kept_share=percent(kept),
        median=_median(reached),
    )


def _median(reached: Reached) -> str:
    return figures.duration(reached.seconds.median) if reached.seconds else ""


def _group(group: Funnel, view: View, by: str) -> Group:
    cells = tuple((figures.full(one.persons), percent(one.share_of_first)) for one in group.steps)
    if group.rest:
        return Group(_REST, False, "", cells)
    link = view.with_filter(f"props.{by}", group.value)
    return Group(_MISSING if group.value is None else group.value, group.value is not None, link, cells)
