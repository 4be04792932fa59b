"""The overview's board: headline figures, one chart and the top types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metrics.dashboards import figures
from metrics.dashboards.breakdowns import Bars, bars_of
from metrics.dashboards.changes import Change, change_of
from metrics.dashboards.charts import Chart, chart_of
from metrics.dashboards.view import View
from metrics.query.ask import Answer, ask

#: The figures that the chart can show: the name in the URL, its label, and the metric that is asked.
CHARTED = {"events": ("Events", "count"), "users": ("Users", "users"), "sessions": ("Sessions", "sessions")}
TOP = 10


@dataclass(frozen=True)
class Tile:
    """One headline figure; `link` is the query string that charts it, empty where no chart exists."""

    key: str
    label: str
    short: str
    full: str
    link: str
    chosen: bool
    change: Change | None


@dataclass(frozen=True)
class Board:
    """Everything below the controls."""

    tiles: tuple[Tile, ...]
    chart: Chart
    types: Bars
    empty: bool
    as_of: datetime


def read_metric(name: str | None) -> str:
    """Return the chart's metric that the URL names, else events."""
    return name if name in CHARTED else "events"


def build_board(*, project_id: int, view: View, metric: str) -> Board:
    """Ask for a board. Raises what the engine raises: BadQuestion for a step that the range cannot have."""
    answers = {
        key: ask(project_id=project_id, params=view.params(metric=asked))
        for key, (_, asked) in CHARTED.items()
    }
    grouped = view.params(metric="count", groupBy="type", limit=str(TOP), step="auto", compare=None)
    types = ask(project_id=project_id, params=grouped)
    label, chosen = CHARTED[metric][0], answers[metric]
    title, note = f"{label} over time", f"step {chosen.step}, {chosen.tz}"
    return Board(
        tiles=_tiles(answers, view, metric),
        chart=chart_of(chosen, title=title, label=label, kind="area", note=note),
        types=bars_of(
            types, view=view, field="type", limit=TOP, title="Top event types", heading="Type", unit="Events"
        ),
        empty=not total(answers["events"]),
        as_of=chosen.as_of,
    )


def total(answer: Answer | None) -> float | None:
    """Return what an ungrouped answer has for its whole range; None where there is no answer."""
    return sum(series.total or 0 for series in answer.series) if answer else None


def _tiles(answers: dict[str, Answer], view: View, metric: str) -> tuple[Tile, ...]:
    """Return the figures that can be charted, and the events of an average session."""
    now = {key: total(answer) for key, answer in answers.items()}
    before = {key: total(answer.previous) for key, answer in answers.items()}
    tiles = [
        _tile(key, label, now[key], before[key], link=view.query(metric=key), chosen=key == metric)
        for key, (label, _) in CHARTED.items()
    ]
    per_session = _tile("per-session", "Events per session", _per_session(now), _per_session(before))
    return (*tiles, per_session)


def _per_session(totals: dict[str, float | None]) -> float | None:
    events, sessions = totals["events"], totals["sessions"]
    return events / sessions if events is not None and sessions else None


def _tile(
    key: str, label: str, value: float | None, before: float | None, *, link: str = "", chosen: bool = False
) -> Tile:
    change = change_of(value, before)
    return Tile(key, label, figures.short(value), figures.full(value), link, chosen, change)
