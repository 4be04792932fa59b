"""Reads ranges of time and time zones. Every refusal says what would be right."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from metrics.errors import BadQuestion

_LAST_DAYS = 3660
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_RELATIVE = re.compile(r"([0-9]{1,6})(m|h|d|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7)}


def parse_range(text: str, tz: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open range that `text` names, in UTC.

    `24h` and its like end with the minute in progress, so that whole minutes are asked for.
    """
    if "/" in text:
        start, end = (_moment(part, tz) for part in _two(text))
    elif match := _RELATIVE.fullmatch(text):
        start, end = _last(int(match[1]) * _UNITS[match[2]], now)
    else:
        start, end = _named(text, tz, now)
    if start.year < _FIRST_YEAR or end.year > _LAST_YEAR:
        raise BadQuestion(f"`range` must lie between {_FIRST_YEAR} and {_LAST_YEAR}.", field="range")
    if not start < end:
        raise BadQuestion("`range` must end after it starts.", field="range")
    if end - start > timedelta(days=_LAST_DAYS):
        raise BadQuestion(f"`range` may span at most {_LAST_DAYS} days.", field="range")
    return start, end


def _two(text: str) -> tuple[str, str]:
    start, _, end = text.partition("/")
    return start, end


def _last(span: timedelta, now: datetime) -> tuple[datetime, datetime]:
    if not span or span > timedelta(days=_LAST_DAYS):
        raise BadQuestion(f"`range` must be longer than 0 and at most {_LAST_DAYS} days.", field="range")
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return end - span, end


def _named(text: str, tz: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    today = now.astimezone(tz).date()
    firsts = {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "mtd": (today.replace(day=1), today + timedelta(days=1)),
    }
    if text not in firsts:
        raise BadQuestion("`range` must be like 24h, 7d, today, yesterday, mtd, or FROM/TO.", field="range")
    start, end = (at(datetime.combine(day, time()), tz) for day in firsts[text])
    return start, end


def _moment(text: str, tz: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else at(moment, tz)
    except (ValueError, OverflowError):
        raise BadQuestion("`range` must be FROM/TO, both ISO 8601.", field="range") from None


def at(wall: datetime, tz: ZoneInfo) -> datetime:
    """Return when a zone's wall clock shows a time, in UTC; everything that is said in local time is read so.

    Of two such moments it is the first: a day whose midnight happens twice begins with the first of them. A time that
    does not exist is read with the offset before the change.
    """
    return wall.replace(tzinfo=tz, fold=0).astimezone(UTC)


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone `name`. Raises BadQuestion."""
    if name not in _zones():
        raise BadQuestion("`tz` must be an IANA time zone, like Europe/Berlin.", field="tz")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    """Return the names of the time zones; a machine's own `localtime` is not one."""
    return frozenset(available_timezones() - {"localtime"})
