"""Answers questions about the life of users in plain Python, sharing nothing with the product."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: start: new, returning, resurrecting, dormant
Life = dict[datetime, tuple[int, int, int, int]]


def lifecycle(seen: Iterable[tuple[str, datetime]], *, first: date, last: date, period: str, tz: str) -> Life:
    """Return what must be said of every period from the one with the day `first` to the one with `last`.

    `seen` is (person, moment) for every event that counts, of all history.
    """
    zone = ZoneInfo(tz)
    active: dict[date, set[str]] = {}
    for person, moment in seen:
        active.setdefault(_start(moment.astimezone(zone).date(), period), set()).add(person)
    answer = {}
    day = _start(first, period)
    while day <= last:
        here, before = active.get(day, set()), active.get(_start(day - timedelta(days=1), period), set())
        known = set().union(*(people for start, people in active.items() if start < day))
        counts = (len(here - known), len(here & before), len(here & known - before), len(before - here))
        answer[datetime.combine(day, time(), zone).astimezone(UTC)] = counts
        day = _start(day + timedelta(days={"day": 1, "week": 7, "month": 32}[period]), period)
    return answer


def _start(day: date, period: str) -> date:
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day
