"""A span is read from the coarsest relations that fit, without a gap and without reading anything twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from metrics.rollups.definitions import EVENTS, USERS
from metrics.rollups.spans import cover, floor

MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2025, 1, 5), timezones=st.just(UTC))


def read(start: str, end: str) -> list[str]:
    found = cover(*(datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (start, end)), USERS)
    return [f"{rollup.unit if rollup else 'raw'} {first:%dT%H:%M}" for rollup, first, _ in found]


def test_days_then_hours_then_events() -> None:
    assert read("2025-01-01T22:30", "2025-01-03T01:00") == ["raw 01T22:30", "hour 01T23:00", "day 02T00:00",
                                                            "hour 03T00:00"]  # fmt: skip


def test_what_holds_no_whole_day_is_read_by_hours() -> None:
    assert read("2025-01-01T22:00", "2025-01-02T03:00") == ["hour 01T22:00"]
    assert read("2025-01-01T22:10", "2025-01-01T22:50") == ["raw 01T22:10"]


@given(MOMENTS, MOMENTS, st.sampled_from([(), USERS, EVENTS]))
def test_the_parts_make_up_the_span(start: datetime, end: datetime, rollups: tuple) -> None:  # type: ignore[type-arg]
    parts = list(cover(start, end, rollups))
    if start >= end:
        assert parts == []
        return
    assert (parts[0][1], parts[-1][2]) == (start, end)
    assert all(one[2] == other[1] for one, other in pairwise(parts))
    assert sum((last - first for _, first, last in parts), timedelta()) == end - start
    for rollup, first, last in parts:
        assert first < last
        assert rollup is None or all(floor(edge, rollup.grain) == edge for edge in (first, last))
