"""Reads a question about the life of users. Every refusal says what would be right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from metrics.errors import BadQuestion
from metrics.insights.periods import PERIODS, edges_of
from metrics.language.matching import EventMatch, read_match
from metrics.language.params import Params, check_known, check_texts, one
from metrics.query.scope import Scope, parse_scope

#: The parameters of a lifecycle.
NAMES = ("period", "range", "tz", "segment", "filter", "type")
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
    """Return the question that `params` ask. Raises BadQuestion or TooManyPoints."""
    check_texts(params)
    check_known(params, NAMES)
    period = one(params, "period") or "day"
    if period not in PERIODS:
        raise BadQuestion(f"`period` must be one of {', '.join(PERIODS)}.", field="period")
    scope = parse_scope(project_id=project_id, params=params, now=now, default_range=_RANGES[period])
    starts = edges_of(scope, period)
    edges = (PERIODS[period].floor(starts[0] - timedelta(microseconds=1), scope.tz), *starts)
    types = read_match({"type": list(params.get("type", ()))}, field="type").types
    return LifecycleQuestion(
        scope=replace(scope, start=edges[1], end=edges[-1]),
        period=period,
        match=EventMatch(types, scope.filters),
        edges=edges,
    )
