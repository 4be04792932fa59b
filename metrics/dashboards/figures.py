"""Numbers and days as people read them."""

from __future__ import annotations

from datetime import date, timedelta

#: From which value on a unit is used (where the smaller one would round up to 1000), the unit, its letter.
_SIZES = ((999_950_000, 1e9, "B"), (999_950, 1e6, "M"), (10_000, 1e3, "k"))


def short(value: float | int | None) -> str:
    """Return `value` in few characters: 1,234 as it is, then 12.3k, 4.5M; a dash for nothing."""
    if value is None:
        return "–"
    for least, size, letter in _SIZES:
        if abs(value) >= least:
            return f"{value / size:.1f}".removesuffix(".0") + letter
    return full(value)


def full(value: float | int | None) -> str:
    """Return `value` with thousands separated, with one decimal where it is not whole."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units: 45 s, 3 min 5 s, 2 h 4 min, 3 d 1 h."""
    if seconds is None:
        return "–"
    if 0 < seconds < 1:
        return "under 1 s"
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.seconds, 3600)
    parts = ((whole.days, "d"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    shown = [f"{count} {unit}" for count, unit in parts if count][:2]
    return " ".join(shown) or "0 s"


def milliseconds(value: float | None) -> str:
    """Return a latency: 3.4 ms, 120 ms, 1.20 s."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def days(first: date, last: date) -> str:
    """Return a span of days, both included: 3 Jan 2026; 3 to 9 Jan 2026; 30 Dec 2025 to 5 Jan 2026."""
    if first == last:
        return _day(first)
    start = str(first.day) if (first.year, first.month) == (last.year, last.month) else _day(first)
    return f"{start} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
