"""Questions by day, week or month look at no more than a year of days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from metrics.errors import TooManyPoints
from metrics.insights.lifecycle_question import parse_lifecycle
from metrics.insights.retention_question import parse_retention

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
EACH = pytest.mark.parametrize("parse", [parse_lifecycle, parse_retention])


@EACH
def test_more_periods_are_refused_with_the_one_that_fits(parse: Callable[..., Any]) -> None:
    with pytest.raises(TooManyPoints, match="period=week would fit"):
        parse(project_id=1, params={"range": ["2021-06-01/2025-06-01"], "period": ["day"]}, now=NOW)


@EACH
def test_a_leap_year_of_days_fits(parse: Callable[..., Any]) -> None:
    params = {"range": ["2024-01-01/2025-01-01"], "period": ["day"]}
    assert len(parse(project_id=1, params=params, now=NOW).periods) == 366
