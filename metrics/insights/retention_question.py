"""Reads a question about retention. Every refusal says what would be right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from metrics.errors import BadQuestion
from metrics.insights.periods import PERIODS, edges_of
from metrics.language.matching import EventMatch, parse_match
from metrics.language.params import Params, check_known, check_texts, one
from metrics.language.ranges import parse_zone
from metrics.query.scope import Scope, parse_scope

#: The parameters of retention.
NAMES = ("first", "return", "period", "cohort", "range", "tz", "filter", "segment")
FIRST_EVER, FIRST_IN_RANGE, RECURRING = "first_ever", "first_in_range", "recurring"
COHORTS = (FIRST_IN_RANGE, FIRST_EVER, RECURRING)
#: Today and the 49 days before it lie in eight weeks.
_DEFAULT_DAYS_BACK = timedelta(days=49)


@dataclass(frozen=True, slots=True)
class RetentionQuestion:
    """Of those who did `first` in a period, who did `back` in later ones.

    `edges` are the starts of the periods, and the end of the last; the scope spans whole periods, none of which begins
    after its `now`.
    """

    scope: Scope
    first: EventMatch
    back: EventMatch
    period: str
    cohort: str
    edges: tuple[datetime, ...]

    @property
    def periods(self) -> tuple[tuple[datetime, datetime], ...]:
        """Return each period as (start, end), oldest first."""
        return tuple(pairwise(self.edges))


def parse_retention(*, project_id: int, params: Params, now: datetime) -> RetentionQuestion:
    """Return the question that `params` ask. Raises BadQuestion or TooManyPoints."""
    check_texts(params)
    check_known(params, NAMES)
    tz = parse_zone(one(params, "tz") or "UTC")
    period = _choice(params, "period", tuple(PERIODS), default="week")
    scope = parse_scope(project_id=project_id, params=params, now=now, default_range=_default_range(tz, now))
    edges = edges_of(scope, period)
    return RetentionQuestion(
        scope=replace(scope, start=edges[0], end=edges[-1]),
        first=_match(params, "first"),
        back=_match(params, "return"),
        period=period,
        cohort=_choice(params, "cohort", COHORTS, default=FIRST_IN_RANGE),
        edges=edges,
    )


def _default_range(tz: ZoneInfo, now: datetime) -> str:
    today = now.astimezone(tz).date()
    return f"{today - _DEFAULT_DAYS_BACK}/{today + timedelta(days=1)}"


def _choice(params: Params, name: str, choices: tuple[str, ...], *, default: str) -> str:
    text = one(params, name) or default
    if text not in choices:
        raise BadQuestion(f"`{name}` must be one of {', '.join(choices)}.", field=name)
    return text


def _match(params: Params, name: str) -> EventMatch:
    """Return the events that a parameter means: a type, or JSON; any event where it is not given."""
    text = one(params, name)
    return EventMatch() if text is None else parse_match(text, field=name)
