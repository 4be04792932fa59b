"""The range and step that a page's URL names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from metrics.dashboards import period as periods
from metrics.dashboards.period import read_period, week_up_to

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "now", lambda: NOON)


def test_without_a_query_it_is_the_last_week() -> None:
    period = read_period(QueryDict(""))
    assert (period.asked, period.step) == ("7d", "auto")
    assert period.bounds == (NOON - timedelta(days=7), NOON)


def test_today_starts_at_midnight_utc() -> None:
    assert read_period(QueryDict("range=today")).bounds == (NOON.replace(hour=0), NOON)


def test_both_days_of_a_custom_range_are_included() -> None:
    period = read_period(QueryDict("range=custom&from=2026-11-01&to=2026-11-03&step=1h"))
    assert period.asked == "2026-11-01T00:00:00Z/2026-11-04T00:00:00Z"
    assert period.bounds == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    assert period.fields == {"range": "custom", "step": "1h", "from": "2026-11-01", "to": "2026-11-03"}


@pytest.mark.parametrize(
    "days", ["from=x", "from=2026-11-05&to=2026-11-01", "to=9999-12-31", "from=1200-01-01"]
)
def test_days_that_make_no_sense_are_named_and_replaced(days: str) -> None:
    period = read_period(QueryDict(f"range=custom&{days}"))
    assert period.problem
    assert period.asked == "7d"


def test_the_week_up_to_a_moment_ends_with_its_day() -> None:
    period = read_period(QueryDict(week_up_to(datetime(2015, 5, 20, 23, tzinfo=UTC))))
    assert period.asked == "2015-05-14T00:00:00Z/2015-05-21T00:00:00Z"
