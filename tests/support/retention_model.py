"""Answers retention in plain Python by calendar dates, sharing nothing with the product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.funnel_model import Happened, Wanted


@dataclass(frozen=True)
class Asked:
    """A question: the range is of whole local days, `last` included."""

    first: Wanted
    back: Wanted
    period: str
    cohort: str
    tz: str
    start: date
    last: date

    def label(self, moment: datetime | date) -> date:
        """Return the first day of the period of a moment, or of a day."""
        day = moment.astimezone(ZoneInfo(self.tz)).date() if isinstance(moment, datetime) else moment
        if self.period == "month":
            return day.replace(day=1)
        return day - timedelta(days=day.weekday()) if self.period == "week" else day

    def labels(self) -> list[date]:
        """Return the first day of every period, oldest first."""
        days = (self.last - self.start).days + 1
        return sorted({self.label(self.start + timedelta(days=number)) for number in range(days)})


def retention(asked: Asked, events: Sequence[Happened]) -> list[tuple[date, int, list[int]]]:
    """Return for each cohort its first day, its size, and how many came back so many periods later."""
    labels = asked.labels()
    members = {label: sorted(_members(asked, events, label)) for label in labels}
    return [
        (
            label,
            len(members[label]),
            [
                sum(_is_back(asked, events, person, label, later) for person in members[label])
                for later in labels[number:]
            ],
        )
        for number, label in enumerate(labels)
    ]


def _members(asked: Asked, events: Sequence[Happened], label: date) -> Iterator[str]:
    """Yield who belongs to the cohort of a period."""
    for person in {one.person for one in events}:
        mine = [asked.label(one.ts) for one in events if one.person == person and asked.first.takes(one)]
        if asked.cohort == "first_in_range":
            mine = [one for one in mine if one in asked.labels()]
        if mine and (label in mine if asked.cohort == "recurring" else label == min(mine)):
            yield person


def _is_back(asked: Asked, events: Sequence[Happened], person: str, cohort: date, later: date) -> bool:
    mine = [one for one in events if one.person == person]
    began = min(one.ts for one in mine if asked.first.takes(one) and asked.label(one.ts) == cohort)
    return any(
        asked.back.takes(one) and asked.label(one.ts) == later and one.ts >= began
        for one in mine
    )  # fmt: skip
