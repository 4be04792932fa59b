"""Every answer equals a recomputation in plain Python: any range, step, zone, filter, grouping and measure."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from events.models import Project
from metrics.query.ask import Answer, ask
from tests.support.metrics_model import Asked, Group, Number, Seen, answer
from tests.support.pipeline import event, store_all

PROJECT, OTHER_PROJECT = 3_000_001, 3_000_002
#: Days on which clocks change: Berlin forwards, Berlin backwards, New York backwards.
CHANGES = [
    datetime(2025, 3, 30, tzinfo=UTC),
    datetime(2025, 10, 26, tzinfo=UTC),
    datetime(2025, 11, 2, tzinfo=UTC),
]
AROUND = timedelta(days=1, hours=12)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440, "1w": 10080, "1mo": 43200}
KINDS = ["sum", "avg", "min", "max"]
MEASURES = [
    "count",
    "users",
    "sessions",
    *(f"{kind}:props.{name}" for kind in KINDS for name in ("v", "value")),
]
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
        return (
            chance.choice(CHANGES)
            + offset
            + chance.choice([timedelta(0), timedelta(seconds=chance.random() * 60)])
        )

    def props() -> dict[str, object]:
        values = {
            "country": chance.choice(["DE", "FR", "US", "", None]),
            "v": chance.choice([7, 7.0, -3, 10.5, 0.1, 2**53 + 1, "7", "NaN", True, None, [7]]),
            "flag": chance.choice([True, False]),
        }
        kept = {name: value for name, value in values.items() if chance.random() < 0.7}
        # The same numbers under the name whose sums are kept: both must be answered alike.
        return kept | ({"value": kept["v"]} if "v" in kept else {})

    return [
        Seen(f"u{chance.randrange(25)}", moment(), chance.choice(["view", "view", "order", "b\tq"]), props())
        for _ in range(count)
    ]


EVENTS = some_events(20250330)


@pytest.fixture
def stored(pipeline: None) -> None:
    for number, slug in ((PROJECT, "acme"), (OTHER_PROJECT, "globex")):
        Project.objects.create(pk=number, slug=slug)
    store_all(PROJECT, [event(one.user, one.ts, type=one.type, **one.props) for one in EVENTS])
    store_all(OTHER_PROJECT, [event(one.user, one.ts, type="foreign") for one in EVENTS[:50]])


@st.composite
def questions(draw: st.DrawFn) -> Asked:
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
    steps = [name for name, minutes in STEPS.items() if (end - start) / timedelta(minutes=minutes) <= 3000]
    metric = draw(st.sampled_from(MEASURES))
    groups = draw(st.sampled_from([(), (), ("type",), ("props.country",), ("type", "props.flag")]))
    return Asked(
        metric=metric,
        start=start,
        end=end,
        step=draw(st.sampled_from(steps)),
        tz=draw(st.sampled_from(ZONES)),
        types=draw(st.sampled_from([(), (), ("order",), ("view", "b\tq"), ("none",)])),
        filters=tuple(draw(st.one_of(st.just([]), st.lists(st.sampled_from(CONDITIONS), max_size=2)))),
        group_by=() if metric == "sessions" else groups,
    )


BERLIN_SPRING = Asked(
    "count", CHANGES[0] - AROUND, CHANGES[0] + AROUND, "1h", "Europe/Berlin", group_by=("type",)
)
NEW_YORK_AUTUMN = Asked("users", CHANGES[2] - AROUND, CHANGES[2] + AROUND, "1d", "America/New_York")
KOLKATA_HOURS = Asked("count", CHANGES[1], CHANGES[1] + AROUND, "1h", "Asia/Kolkata")
ACROSS_ALL = Asked("users", CHANGES[0] - AROUND, CHANGES[2] + AROUND, "1mo", "Europe/Berlin")
VALUES_BY_TYPE = Asked(
    "avg:props.value", CHANGES[0] - AROUND, CHANGES[0] + AROUND, "1d", "Europe/Berlin", group_by=("type",)
)


@given(asked=questions())
@example(asked=BERLIN_SPRING)
@example(asked=NEW_YORK_AUTUMN)
@example(asked=KOLKATA_HOURS)
@example(asked=ACROSS_ALL)
@example(asked=VALUES_BY_TYPE)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_answer_equals_a_recomputation(stored: None, asked: Asked) -> None:
    assert_equal(ask(project_id=PROJECT, params=asked.params()), asked)


def test_asking_again_gives_the_same_answer_from_the_cache(stored: None) -> None:
    first, second = (ask(project_id=PROJECT, params=BERLIN_SPRING.params()) for _ in range(2))
    assert (first.cached, second.cached) == (False, True)
    assert second.series == first.series


@pytest.mark.parametrize("metric", ["count", "sum:props.v"])
def test_totals_of_things_that_add_up_are_the_sum_of_their_buckets(stored: None, metric: str) -> None:
    asked = Asked(metric, CHANGES[0] - AROUND, CHANGES[0] + AROUND, "15m", "Europe/Berlin")
    (series,) = ask(project_id=PROJECT, params=asked.params()).series
    assert series.total == pytest.approx(sum(value or 0 for _, value in series.points))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", [VALUES_BY_TYPE, replace(VALUES_BY_TYPE, step="1h", tz="UTC", group_by=())])
def test_kept_numbers_are_answered_to_the_last_digit_as_raw_ones(
    stored: None, asked: Asked, kind: str
) -> None:
    kept, raw = (
        ask(project_id=PROJECT, params=replace(asked, metric=f"{kind}:props.{name}").params())
        for name in ("value", "v")
    )
    assert (kept.source.startswith("rollup_values"), raw.source) == (True, "event")
    assert repr(kept.series) == repr(raw.series)


def test_a_type_without_numbers_is_a_group_too(stored: None) -> None:
    found = ask(project_id=OTHER_PROJECT, params=VALUES_BY_TYPE.params())
    assert [(series.group, series.total) for series in found.series] == [({"type": "foreign"}, None)]


def test_users_of_a_range_are_distinct_and_not_the_sum_of_buckets(stored: None) -> None:
    asked = Asked("users", CHANGES[0] - AROUND, CHANGES[0] + AROUND, "1h", "UTC")
    (series,) = ask(project_id=PROJECT, params=asked.params()).series
    assert isinstance(series.total, int)
    assert series.total < sum(value or 0 for _, value in series.points)


def test_the_day_on_which_clocks_go_forward_has_23_hours(stored: None) -> None:
    asked = Asked("count", CHANGES[0] - AROUND, CHANGES[0] + AROUND, "1d", "Europe/Berlin")
    starts = [start for start, _ in ask(project_id=PROJECT, params=asked.params()).series[0].points]
    assert timedelta(hours=23) in [later - earlier for earlier, later in pairwise(starts)]


def assert_equal(found: Answer, asked: Asked) -> None:
    expected = answer(asked, EVENTS)
    assert {tuple(series.group[name] for name in asked.group_by) for series in found.series} == set(expected)
    for series in found.series:
        group: Group = tuple(series.group[name] for name in asked.group_by)
        total, points = expected[group]
        assert same(series.total, total), (group, "total", series.total, total, found.source)
        assert [start for start, _ in series.points] == [start for start, _ in points]
        for (start, value), (_, wanted) in zip(series.points, points, strict=True):
            assert same(value, wanted), (group, start, value, wanted, found.source)


def same(value: Number, wanted: Number) -> bool:
    if value is None or wanted is None:
        return value is wanted
    return float(value) == pytest.approx(float(wanted), rel=1e-9)
