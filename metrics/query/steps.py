"""Steps of time: fixed ones are counted from the local midnight, days and longer follow the zone's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from metrics.language.ranges import at


@dataclass(frozen=True, slots=True)
class Step:
    """A bucket's width: `width` for fixed steps, `unit` (as date_trunc knows it) for calendar ones."""

    name: str
    typical: timedelta
    unit: str | None = None

    def starts(self, start: datetime, end: datetime, tz: ZoneInfo) -> Iterator[datetime]:
        """Yield the start of every bucket that start <= t < end touches, in UTC, oldest first."""
        bucket = self.floor(start, tz)
        while bucket < end:
            yield bucket
            bucket = self._next(bucket, tz)

    def floor(self, moment: datetime, tz: ZoneInfo) -> datetime:
        """Return the start of the bucket that holds `moment`, in UTC."""
        if self.unit is None:
            origin = self.origin(moment, tz)
            return origin + (moment - origin) // self.typical * self.typical
        bucket = at(_truncate(moment.astimezone(tz).replace(tzinfo=None), self.unit), tz)
        # Where clocks go back to the day before, its last hour comes again when the next day has begun.
        following = self._next(bucket, tz)
        return following if following <= moment else bucket

    def origin(self, moment: datetime, tz: ZoneInfo) -> datetime:
        """Return the local midnight that fixed steps around `moment` are counted from, in UTC."""
        return at(_truncate(moment.astimezone(tz).replace(tzinfo=None), "day"), tz)

    def _next(self, bucket: datetime, tz: ZoneInfo) -> datetime:
        if self.unit is None:
            return bucket + self.typical
        # Half a step further lies safely within the next bucket, whatever the clocks do.
        here = bucket.astimezone(tz).replace(tzinfo=None)
        return at(_truncate(_advance(here, self.unit), self.unit), tz)


STEPS = {
    step.name: step
    for step in (
        Step("1m", timedelta(minutes=1)),
        Step("5m", timedelta(minutes=5)),
        Step("15m", timedelta(minutes=15)),
        Step("1h", timedelta(hours=1)),
        Step("1d", timedelta(days=1), "day"),
        Step("1w", timedelta(days=7), "week"),
        Step("1mo", timedelta(days=30), "month"),
    )
}
#: `auto` takes the first step with which a range has at most this many buckets.
_AUTO_BUCKETS = 200


def automatic(span: timedelta) -> Step:
    """Return the step that shows `span` in a readable number of buckets."""
    fitting = (step for step in STEPS.values() if span / step.typical <= _AUTO_BUCKETS)
    return next(fitting, STEPS["1mo"])


def _truncate(local: datetime, unit: str) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _advance(local: datetime, unit: str) -> datetime:
    # A day is advanced by 36 hours: a bucket's local start may be 01:00 where midnight does not exist.
    return local + {"day": timedelta(hours=36), "week": timedelta(days=8), "month": timedelta(days=32)}[unit]
