"""The period before a question's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from metrics.query.spec import Question
from metrics.query.steps import STEPS

_DAY, _ONE = STEPS["1d"], timedelta(days=1)


def period_before(question: Question) -> Question:
    """Return the same question about the period that ends where this one begins.

    Between two local midnights lie so many days, of 23 to 25 hours: the period before has as many days. Any other is
    as long.
    """
    start, end, tz = question.start, question.end, question.tz
    before = start - (end - start)
    if _DAY.floor(start, tz) == start and _DAY.floor(end, tz) == end:
        first = _day(start, tz) - (_day(end, tz) - _day(start, tz))
        # Where a zone changed its side of the date line there is a day that nobody had.
        before = next(day for day in (_midnight(first, tz), _midnight(first - _ONE, tz)) if day < start)
    now = question.now if question.segment else start
    return replace(question, start=before, end=start, now=now)


def _day(moment: datetime, tz: ZoneInfo) -> date:
    return moment.astimezone(tz).date()


def _midnight(day: date, tz: ZoneInfo) -> datetime:
    """Return when a local day begins, in UTC; not always at midnight, but noon is always within it."""
    return _DAY.floor(datetime.combine(day, time(12), tz).astimezone(UTC), tz)
