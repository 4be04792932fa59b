"""The times that contract tests write to: a day long past, which every engine counts as late."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tests.support.assertions import day_span

DAY = date(2024, 2, 28)
START, END = day_span(DAY)


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    """Return a moment of DAY, or of `day` days after it."""
    return START + timedelta(days=day, hours=hour, minutes=minute)
