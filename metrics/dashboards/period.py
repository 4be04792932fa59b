"""The range and step of a page, read from its URL and given back to its controls and to the query engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.http import QueryDict

from config.lib.clock import now

RANGES = {
    "today": "Today",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "custom": "Days of your choice",
}
STEPS = {
    "auto": "Automatic",
    "1m": "1 minute",
    "5m": "5 minutes",
    "15m": "15 minutes",
    "1h": "1 hour",
    "1d": "1 day",
    "1w": "1 week",
    "1mo": "1 month",
}
_DAYS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
_DEFAULT = "7d"


@dataclass(frozen=True)
class Period:
    """A span of time as the URL says it. `first` and `last` are whole UTC days, both included."""

    range: str
    step: str
    first: date
    last: date
    #: What is wrong with the URL's days, in words for the person who typed them.
    problem: str = ""

    @property
    def asked(self) -> str:
        """Return the span as `GET /api/metrics` takes it in `range=`."""
        if self.range != "custom":
            return self.range
        return f"{self.first.isoformat()}T00:00:00Z/{(self.last + timedelta(days=1)).isoformat()}T00:00:00Z"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return the span as moments, start included, end not."""
        if self.range == "custom":
            return _midnight(self.first), _midnight(self.last + timedelta(days=1))
        end = now()
        if self.range == "today":
            return _midnight(end.date()), end
        return end - timedelta(days=_DAYS[self.range]), end

    @property
    def fields(self) -> dict[str, str]:
        """Return the query-string fields that lead back to this period."""
        fields = {"range": self.range, "step": self.step}
        if self.range == "custom":
            fields |= {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return fields


def read_period(params: QueryDict) -> Period:
    """Return the period that a page's query string names; what cannot be read falls back to the last week."""
    chosen = params.get("range", _DEFAULT)
    span = chosen if chosen in RANGES else _DEFAULT
    step = params.get("step", "auto")
    step = step if step in STEPS else "auto"
    today = now().date()
    week = Period(range=span, step=step, first=today - timedelta(days=6), last=today)
    return _custom(params, week) if span == "custom" else week


def week_up_to(moment: datetime) -> str:
    """Return the query string of the seven days that end with the day of `moment`."""
    last = moment.astimezone(UTC).date()
    return urlencode(Period("custom", "auto", last - timedelta(days=6), last).fields)


def _custom(params: QueryDict, week: Period) -> Period:
    """Return `week` with the days that the URL gives."""
    try:
        first = date.fromisoformat(params.get("from") or week.first.isoformat())
        last = date.fromisoformat(params.get("to") or week.last.isoformat())
        if not date(1970, 1, 1) <= first <= last <= date(2999, 12, 31):
            raise ValueError
    except ValueError:
        problem = "Give two days, the first not after the last. This is the last week instead."
        return Period(_DEFAULT, week.step, week.first, week.last, problem)
    return Period("custom", week.step, first, last)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
