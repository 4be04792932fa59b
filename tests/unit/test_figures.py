"""Numbers and days as people read them."""

from __future__ import annotations

from datetime import date

import pytest

from metrics.dashboards import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0, "0"), (7, "7"), (9.84, "9.8"), (1234, "1,234"), (9999, "9,999"), (10_000, "10k"),
        (12_345, "12.3k"), (999_949, "999.9k"), (999_999, "1M"), (4_500_000, "4.5M"), (2_000_000_000, "2B"),
        (-12_345, "-12.3k"),
    ],
)  # fmt: skip
def test_short(value: float | None, text: str) -> None:
    assert figures.short(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.2, "under 1 s"),
        (45, "45 s"),
        (185, "3 min 5 s"),
        (7200, "2 h"),
        (90_061, "1 d 1 h"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (3.44, "3.4 ms"), (120.4, "120 ms"), (1200, "1.20 s")]
)
def test_milliseconds(value: float | None, text: str) -> None:
    assert figures.milliseconds(value) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 1, 3), date(2026, 1, 3), "3 Jan 2026"),
        (date(2026, 1, 3), date(2026, 1, 9), "3 to 9 Jan 2026"),
        (date(2026, 1, 30), date(2026, 2, 1), "30 Jan 2026 to 1 Feb 2026"),
        (date(2025, 1, 3), date(2026, 1, 3), "3 Jan 2025 to 3 Jan 2026"),
    ],
)
def test_days(first: date, last: date, text: str) -> None:
    assert figures.days(first, last) == text
