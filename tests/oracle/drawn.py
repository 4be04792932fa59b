"""Draws questions of every kind about a history."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tests.oracle.grounds import Ground
from tests.oracle.questions import Question

#: In the last two midnight happens twice, and in one of them once not at all.
_ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Atlantic/Azores", "America/Havana"]
)
_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440, "1w": 10_080, "1mo": 43_200}
_DAY = 1440


@st.composite
def questions(draw: st.DrawFn, ground: Ground) -> Question:
    """Draw a question."""
    kind = draw(st.sampled_from(sorted(_KINDS)))
    params: dict[str, Any] = {"tz": draw(_ZONES), **draw(_KINDS[kind](ground))}
    if kind != "sessions":
        if draw(st.integers(0, 3)) == 0:
            params["segment"] = draw(st.sampled_from(sorted(ground.segments)))
        params["filter"] = params.get("filter", draw(_filters(ground)))
    listed = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    return Question(kind, {name: [str(one) for one in values] for name, values in listed.items() if values})


@st.composite
def _spans(draw: st.DrawFn, ground: Ground) -> tuple[str, int]:
    """Draw a range of whole days, hours or minutes, or a ragged one; return it with its length in minutes."""
    grain = draw(st.sampled_from([_DAY, 60, 15, 1]))
    start = draw(st.sampled_from(ground.moments)) + timedelta(
        minutes=grain * draw(st.integers(-_DAY // grain, 4 * _DAY // grain))
    )
    end = start + timedelta(minutes=grain * draw(st.integers(1, 4 * _DAY // grain)))
    if draw(st.booleans()):
        start += timedelta(microseconds=draw(st.integers(0, 60_000_000)))
        end += timedelta(microseconds=draw(st.integers(0, 60_000_000)))
    if draw(st.integers(0, 4)) == 0:
        end = max(ground.moments) + timedelta(days=5)
    assume(start < end)
    return f"{start.isoformat()}/{end.isoformat()}", int((end - start) / timedelta(minutes=1)) + 1


def _filters(ground: Ground) -> st.SearchStrategy[list[str]]:
    return st.one_of(st.just([]), st.lists(st.sampled_from(ground.filters), max_size=2))


@st.composite
def _matches(draw: st.DrawFn, ground: Ground) -> Any:
    """Draw which events: a type, or types with filters, or any."""
    types = draw(st.lists(st.sampled_from(ground.types), max_size=2, unique=True))
    filters = draw(_filters(ground))
    return types[0] if len(types) == 1 and not filters else {"type": types, "filters": filters}


def _as_text(match: Any) -> str:
    return match if isinstance(match, str) else json.dumps(match)


@st.composite
def _metrics(draw: st.DrawFn, ground: Ground) -> dict[str, Any]:
    span, minutes = draw(_spans(ground))
    kinds = st.sampled_from(["sum", "avg", "min", "max", "p50", "p90", "p99"])
    measured = st.builds("{}:props.{}".format, kinds, st.sampled_from(ground.numbers))
    metric = draw(st.one_of(st.sampled_from(["count", "users", "sessions", *ground.defined]), measured))
    groups = draw(st.lists(st.sampled_from(ground.groups), max_size=2, unique=True))
    # A metric that was defined for some types is not asked for others.
    known = ground.defined[metric].types if metric in ground.defined else ()
    return {
        "metric": metric,
        "range": span,
        "step": draw(st.sampled_from([name for name, width in _MINUTES.items() if minutes / width <= 3000])),
        "type": draw(st.lists(st.sampled_from(known or ground.types), max_size=2, unique=True)),
        "groupBy": [] if metric == "sessions" else groups,
        "limit": draw(st.sampled_from([1, 2, 3, 1000])),
        "compare": draw(st.sampled_from([[], [], "previous"])),
    }


@st.composite
def _sessions(draw: st.DrawFn, ground: Ground) -> dict[str, Any]:
    span, _ = draw(_spans(ground))
    return {"range": span, "userId": draw(st.sampled_from([[], *ground.users]))}


@st.composite
def _funnels(draw: st.DrawFn, ground: Ground) -> dict[str, Any]:
    span, _ = draw(_spans(ground))
    return {
        "steps": json.dumps(draw(st.lists(_matches(ground), min_size=2, max_size=4))),
        "range": span,
        "window": draw(st.sampled_from(["1s", "10m", "3h", "2d", "30d"])),
        "breakdown": draw(st.sampled_from([[], [], *ground.groups])),
        "limit": draw(st.integers(1, 3)),
    }


@st.composite
def _retention(draw: st.DrawFn, ground: Ground) -> dict[str, Any]:
    span, _ = draw(_spans(ground))
    whole = draw(st.booleans())
    return {
        "range": span,
        "period": draw(st.sampled_from(["day", "week", "month"])),
        "cohort": draw(st.sampled_from(["first_in_range", "first_ever", "recurring"])),
        "first": [] if whole else _as_text(draw(_matches(ground))),
        "return": [] if whole else _as_text(draw(_matches(ground))),
        # Any event at all is what rollups know.
        **({"filter": []} if whole else {}),
    }


@st.composite
def _paths(draw: st.DrawFn, ground: Ground) -> dict[str, Any]:
    span, _ = draw(_spans(ground))
    return {
        draw(st.sampled_from(["from", "to"])): _as_text(draw(_matches(ground))),
        "range": span,
        "node": draw(st.sampled_from(ground.groups)),
        "steps": draw(st.integers(1, 6)),
        "top": draw(st.integers(1, 4)),
        "collapse": draw(st.sampled_from(["0", "1"])),
    }


@st.composite
def _lifecycle(draw: st.DrawFn, ground: Ground) -> dict[str, Any]:
    span, _ = draw(_spans(ground))
    whole = draw(st.booleans())
    types = st.lists(st.sampled_from(ground.types), max_size=2, unique=True)
    return {
        "range": span,
        "period": draw(st.sampled_from(["day", "week", "month"])),
        "type": [] if whole else draw(types),
        **({"filter": []} if whole else {}),
    }


_KINDS = {
    "metrics": _metrics,
    "sessions": _sessions,
    "funnels": _funnels,
    "retention": _retention,
    "paths": _paths,
    "lifecycle": _lifecycle,
}
