"""The overview's board: headline figures, one chart and the top types of a period."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from metrics.dashboards import figures
from metrics.dashboards.period import Period
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


@dataclass(frozen=True)
class TopType:
    """An event type, its count, and its share of the largest one in percent; or the rest of them."""

    name: str
    short: str
    full: str
    share: float
    is_rest: bool


@dataclass(frozen=True)
class Board:
    """Everything below the controls. `chart` is JSON for `static/js/chart.js`."""

    metric: str
    label: str
    tiles: tuple[Tile, ...]
    chart: str
    step: str
    types: tuple[TopType, ...]
    empty: bool
    as_of: datetime


def read_metric(name: str | None) -> str:
    """Return the chart's metric that the URL names, else events."""
    return name if name in CHARTED else "events"


def build_board(*, project_id: int, period: Period, metric: str) -> Board:
    """Ask for a board. Raises what the engine raises: BadQuestion for a step that the range cannot have."""
    answers = {key: _ask(project_id, period, asked) for key, (_, asked) in CHARTED.items()}
    types = _ask(project_id, replace(period, step="auto"), "count", groupBy=["type"], limit=[str(TOP)])
    chosen = answers[metric]
    return Board(
        metric=metric,
        label=CHARTED[metric][0],
        tiles=_tiles(answers, period, metric),
        chart=_chart(chosen, key=metric, label=CHARTED[metric][0]),
        step=chosen.step,
        types=_top_types(types),
        empty=not _total(answers["events"]),
        as_of=chosen.as_of,
    )


def _ask(project_id: int, period: Period, metric: str, **more: Sequence[str]) -> Answer:
    params = {"metric": [metric], "range": [period.asked], "step": [period.step], **more}
    return ask(project_id=project_id, params=params)


def _total(answer: Answer) -> float:
    return sum(series.total or 0 for series in answer.series)


def _tiles(answers: dict[str, Answer], period: Period, metric: str) -> tuple[Tile, ...]:
    """Return the figures that can be charted, and the events of an average session."""
    totals = {key: _total(answer) for key, answer in answers.items()}
    per_session = totals["events"] / totals["sessions"] if totals["sessions"] else None
    tiles = [
        _tile(key, label, totals[key], link=urlencode({"metric": key, **period.fields}), chosen=key == metric)
        for key, (label, _) in CHARTED.items()
    ]
    return (*tiles, _tile("per-session", "Events per session", per_session, link="", chosen=False))


def _tile(key: str, label: str, value: float | None, *, link: str, chosen: bool) -> Tile:
    return Tile(key, label, figures.short(value), figures.full(value), link, chosen)


def _chart(answer: Answer, *, key: str, label: str) -> str:
    points = answer.series[0].points if answer.series else ()
    return json.dumps(
        {
            "times": [int(moment.timestamp()) for moment, _ in points],
            "series": [{"key": key, "label": label, "values": [value for _, value in points]}],
            "step": answer.step,
        }
    )


def _top_types(answer: Answer) -> tuple[TopType, ...]:
    """Return the groups, largest first; what the engine summed up beyond them comes last."""
    counted = [(series.group["type"] or "", series.total or 0) for series in answer.series]
    largest = max((count for _, count in counted[:TOP]), default=1) or 1
    return tuple(
        TopType(
            name="All others" if number == TOP else name,
            short=figures.short(count),
            full=figures.full(count),
            share=min(100.0, 100 * count / largest),
            is_rest=number == TOP,
        )
        for number, (name, count) in enumerate(counted)
    )
