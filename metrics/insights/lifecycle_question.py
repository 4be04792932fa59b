"""Reads a question about the life of users. Every refusal says what would be right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise

from metrics.errors import BadQuestion
from metrics.language.matching import EventMatch, read_match
from metrics.language.params import Params, check_known, check_texts, one
from metrics.query.scope import Scope, parse_scope
from metrics.query.steps import STEPS, Step

#: The parameters of a lifecycle.
NAMES = ("period", "range", "tz", "segment", "filter", "type")
PERIODS = {"day": STEPS["1d"], "week": STEPS["1w"], "month": STEPS["1mo"]}
_RANGES = {"day": "30d", "week": "12w", "month": "365d"}


@dataclass(frozen=True, slots=True)
class LifecycleQuestion:
    """Who came, stayed, came back and went. What counts as coming is an event that `match` means.

    `edges` are the starts of the periods and the end of the last, and in front of them the start of the one before.
    The scope spans whole periods, for half a week has nobody who stayed; all but the first have begun by its `now`.
    """

    scope: Scope
    period: str
    match: EventMatch
    edges: tuple[datetime, ...]

    @property
    def periods(self) -> tuple[tuple[datetime, datetime], ...]:
        """Return each period that is asked about as (start, end), oldest first."""
        return tuple(pairwise(self.edges[1:]))


def parse_lifecycle(*, project_id: int, params: Params, now: datetime) -> LifecycleQuestion:
    """Return the question that `params` ask. Raises BadQuestion."""
    check_texts(params)
    check_known(params, NAMES)
    period = one(params, "period") or "day"
    if period not in PERIODS:
        raise BadQuestion(f"`period` must be one of {', '.join(PERIODS)}.", field="period")
    scope = parse_scope(project_id=project_id, params=params, now=now, default_range=_RANGES[period])
    edges = _edges(scope, PERIODS[period])
    types = read_match({"type": list(params.get("type", ()))}, field="type").types
    return LifecycleQuestion(
        scope=replace(scope, start=edges[1], end=edges[-1]),
        period=period,
        match=EventMatch(types, scope.filters),
        edges=edges,
    )


def _edges(scope: Scope, step: Step) -> tuple[datetime, ...]:
    """Return the edges of the periods that the range touches, but for those that have not begun: at least one's."""
    end = min(scope.end, max(scope.now, scope.start) + timedelta(microseconds=1))
    starts = tuple(step.starts(scope.start, end, scope.tz))
    before = step.floor(starts[0] - timedelta(microseconds=1), scope.tz)
    after = step.starts(starts[-1], starts[-1] + 2 * step.typical, scope.tz)
    return (before, *starts, list(islice(after, 2))[1])
