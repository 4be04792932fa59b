"""The period before: as many calendar days where days are asked for, else as long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from metrics.query.compare import period_before
from metrics.query.parse import parse_question

NOW = datetime(2025, 6, 2, 12, 30, 30, tzinfo=UTC)


def before(range_: str, tz: str = "UTC") -> tuple[str, str]:
    question = parse_question(
        project_id=1, params={"metric": ["count"], "range": [range_], "tz": [tz]}, now=NOW
    )
    previous = period_before(question)
    assert previous.end == question.start
    assert previous.step == question.step
    return tuple(one.astimezone(question.tz).isoformat() for one in (previous.start, previous.end))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("range_", "tz", "start"),
    [
        ("2025-06-02/2025-06-03", "UTC", "2025-06-01T00:00:00+00:00"),
        ("2025-06-01/2025-07-01", "UTC", "2025-05-02T00:00:00+00:00"),
        ("mtd", "UTC", "2025-05-30T00:00:00+00:00"),
        # The clocks go forward on 30 March, back on 26 October: days of 23 and 25 hours.
        ("2025-03-31/2025-04-01", "Europe/Berlin", "2025-03-30T00:00:00+01:00"),
        ("2025-03-30/2025-03-31", "Europe/Berlin", "2025-03-29T00:00:00+01:00"),
        ("2025-10-27/2025-11-03", "Europe/Berlin", "2025-10-20T00:00:00+02:00"),
        # Midnight of 9 March does not exist in Havana: the day begins at 1.
        ("2025-03-10/2025-03-11", "America/Havana", "2025-03-09T01:00:00-04:00"),
        ("2025-03-09/2025-03-10", "America/Havana", "2025-03-08T00:00:00-05:00"),
        # Midnight of 25 October happens twice in the Azores.
        ("2026-10-25/2026-10-26", "Atlantic/Azores", "2026-10-24T00:00:00+00:00"),
        ("2026-10-26/2026-10-27", "Atlantic/Azores", "2026-10-25T00:00:00+00:00"),
        # A day was left out in Samoa.
        ("2011-12-31/2012-01-01", "Pacific/Apia", "2011-12-29T00:00:00-10:00"),
    ],
)
def test_whole_days_are_compared_with_as_many_days(range_: str, tz: str, start: str) -> None:
    assert before(range_, tz)[0] == start


@pytest.mark.parametrize(
    ("range_", "start"),
    [
        ("24h", "2025-05-31T12:31:00+00:00"),
        ("90m", "2025-06-02T09:31:00+00:00"),
        ("2025-06-02T06:00/2025-06-02T18:00", "2025-06-01T18:00:00+00:00"),
        ("2025-06-02T00:00/2025-06-02T12:00", "2025-06-01T12:00:00+00:00"),
    ],
)
def test_any_other_period_is_compared_with_one_as_long(range_: str, start: str) -> None:
    assert before(range_)[0] == start


def test_hours_of_a_day_that_is_not_whole_are_hours() -> None:
    assert before("2025-03-30T12:00/2025-03-31T12:00", "Europe/Berlin")[0] == "2025-03-29T11:00:00+01:00"
