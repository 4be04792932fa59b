"""Draws questions about metrics over events that lie where it is easy to be wrong, and compares answers."""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from metrics.query.ask import Answer
from tests.support.metrics_model import Asked, Group, Near, Number, Seen, answer, as_number, field_of

#: Days on which clocks change: Berlin forwards, Berlin backwards, New York backwards.
CHANGES = [
    datetime(2025, 3, 30, tzinfo=UTC),
    datetime(2025, 10, 26, tzinfo=UTC),
    datetime(2025, 11, 2, tzinfo=UTC),
]
AROUND = timedelta(days=1, hours=12)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Atlantic/Azores", "America/Havana"]
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440, "1w": 10080, "1mo": 43200}
TYPES = ["view", "view", "order", "b\tq"]
COUNTRIES = ["DE", "FR", "US", "", None]
CONDITIONS = [
    "props.country:eq:DE",
    "props.country:ne:DE",
    "props.country:in:DE,FR",
    "props.country:contains:E",
    "props.country:exists",
    "props.country:exists:false",
    "props.v:gt:10",
    "props.v:lte:10.5",
    "props.v:gte:-3",
    "props.v:lt:0",
    "props.v:eq:7",
    "props.v:ne:7.0",
    "props.v:exists",
    "props.flag:eq:true",
    "type:eq:order",
    "type:ne:order",
    "userId:in:u1,u2,nobody",
    "userId:contains:1",
]


def some_events(seed: int, count: int = 500) -> list[Seen]:
    """Return events around the changes of clocks, many on the edges of minutes, hours and sessions."""
    chance = random.Random(seed)

    def moment() -> datetime:
        offset = timedelta(minutes=chance.randrange(-2160, 2160))
        seconds = chance.choice([timedelta(0), timedelta(seconds=chance.random() * 60)])
        return chance.choice(CHANGES) + offset + seconds

    def props() -> dict[str, Any]:
        values: dict[str, Any] = {
            "country": chance.choice(COUNTRIES),
            "v": chance.choice([7, 7.0, -3, 10.5, 0.1, 2**53 + 1, "7", "NaN", True, None, [7]]),
            "flag": chance.choice([True, False]),
        }
        kept = {name: value for name, value in values.items() if chance.random() < 0.7}
        # The same numbers under the name whose sums are kept: both must be answered alike.
        return kept | ({"value": kept["v"]} if "v" in kept else {})

    return [Seen(f"u{chance.randrange(25)}", moment(), chance.choice(TYPES), props()) for _ in range(count)]


@st.composite
def spans(draw: st.DrawFn) -> tuple[datetime, datetime]:
    """Return a range around a change of clocks: of whole days, hours or minutes, or ragged."""
    grain = draw(st.sampled_from([1440, 60, 15, 1]))
    first = draw(st.sampled_from(CHANGES)) - AROUND
    start = first + timedelta(minutes=grain * draw(st.integers(0, 4320 // grain)))
    end = start + timedelta(minutes=grain * draw(st.integers(1, 4320 // grain)))
    if draw(st.booleans()):
        start += timedelta(microseconds=draw(st.integers(0, 60_000_000)))
        end += timedelta(microseconds=draw(st.integers(0, 60_000_000)))
    if draw(st.integers(0, 9)) == 0:
        end = draw(st.sampled_from(CHANGES)) + AROUND
    assume(start < end)
    return start, end


def steps_of(start: datetime, end: datetime) -> list[str]:
    """Return the steps that give a range a bearable number of buckets."""
    return [name for name, minutes in STEPS.items() if (end - start) / timedelta(minutes=minutes) <= 3000]


def assert_equal(
    found: Answer, asked: Asked, events: Sequence[Seen], people: Container[str] | None = None
) -> None:
    """Compare an answer with the model's; of these people only, where some are given."""
    kept = any(part.relation.startswith("rollup_metric") for part in found.plan)
    expected = answer(asked, _with_a_number(asked, events) if kept else events, people)
    assert {tuple(series.group[name] for name in asked.group_by) for series in found.series} == set(expected)
    for series in found.series:
        group: Group = tuple(series.group[name] for name in asked.group_by)
        total, points = expected[group]
        assert same(series.total, total, found), (group, "total", series.total, total, found.source)
        assert [start for start, _ in series.points] == [start for start, _ in points]
        for (start, value), (_, wanted) in zip(series.points, points, strict=True):
            assert same(value, wanted, found), (group, start, value, wanted, found.source)


def _with_a_number(asked: Asked, events: Sequence[Seen]) -> Sequence[Seen]:
    """A defined metric knows of events that have the number only, so no group is made of others."""
    _, _, prop = asked.metric.partition(":")
    return [one for one in events if not prop or as_number(field_of(one, prop)) is not None]


def same(value: int | float | None, wanted: Number, found: Answer) -> bool:
    """Tell whether a value is right: to float64's precision, or as far as the answer says that it may be wrong."""
    if value is None or wanted is None:
        return value is wanted
    if isinstance(wanted, Near):
        off = (found.accuracy.share if found.accuracy else 0) * wanted.around
        return bool(value == pytest.approx(wanted.value, rel=1e-9, abs=off * (1 + 1e-9)))
    assert found.accuracy is None
    return bool(value == pytest.approx(float(wanted), rel=1e-9))
