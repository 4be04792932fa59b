"""What `static/js/charts.js` draws, made from the engine's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from metrics.query.ask import Answer, Series, Value

Kind = Literal["line", "area", "bars", "stacked"]
#: How many colours there are (`.ink-1` ..): the eleventh line has the first one again.
INKS = 10
_REST, _MISSING = "All others", "not set"


@dataclass(frozen=True)
class Line:
    """One series: `key` is its own within the chart, `ink` its colour's class without `ink-`.

    That of a period before is dashed, and has the colour of the line that it is compared with.
    """

    key: str
    label: str
    values: tuple[Value, ...]
    ink: str = "1"
    is_previous: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart for `_chart.html`. `key` is its own within the page: it names elements, and survives refreshes.

    `times` are the starts of the buckets, of which `step` is the width, as it is shown in the zone `tz`.
    """

    key: str
    title: str
    times: tuple[datetime, ...]
    lines: tuple[Line, ...]
    kind: Kind = "line"
    step: str = ""
    tz: str = "UTC"
    note: str = ""

    @property
    def has_legend(self) -> bool:
        """Tell whether there is more than one line to tell apart."""
        return len(self.lines) > 1

    @property
    def data(self) -> str:
        """Return the JSON that the script reads."""
        return json.dumps(
            {
                "kind": self.kind,
                "step": self.step,
                "tz": self.tz,
                "times": [int(moment.timestamp()) for moment in self.times],
                "series": [
                    {
                        "key": line.key,
                        "label": line.label,
                        "ink": line.ink,
                        "previous": line.is_previous,
                        "values": line.values,
                    }
                    for line in self.lines
                ],
            },
            separators=(",", ":"),
        )


def chart_of(
    answer: Answer,
    *,
    title: str,
    label: str,
    key: str = "main",
    kind: Kind = "line",
    limit: int = INKS,
    note: str = "",
) -> Chart:
    """Return an answer as a chart: a line a group, or one that is called `label` where nothing was grouped.

    `limit` is that of the question: a series beyond it is the sum of the others. The period before is drawn where the
    answer has it and nothing was grouped: twice as many lines would tell nobody anything.
    """
    times = tuple(moment for moment, _ in answer.series[0].points) if answer.series else ()
    lines = [
        Line(str(number + 1), _label(series, label, number == limit), _values(series), str(number % INKS + 1))
        for number, series in enumerate(answer.series)
    ]
    if answer.previous and len(lines) == 1 and answer.previous.series:
        before = _fitted(_values(answer.previous.series[0]), len(times))
        lines.append(Line("before", f"{lines[0].label}, period before", before, lines[0].ink, True))
    return Chart(key, title, times, tuple(lines), kind, answer.step, answer.tz, note)


def _label(series: Series, label: str, is_rest: bool) -> str:
    if not series.group:
        return label
    return _REST if is_rest else " · ".join(value or _MISSING for value in series.group.values())


def _values(series: Series) -> tuple[Value, ...]:
    return tuple(value for _, value in series.points)


def _fitted(values: Sequence[Value], length: int) -> tuple[Value, ...]:
    """Return as many values as there are buckets: a change of clocks makes one period longer than the other."""
    return (*values[:length], *[None] * (length - len(values)))
