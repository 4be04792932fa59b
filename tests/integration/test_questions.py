"""Every answer equals a recomputation in plain Python: any range, step, zone, filter, grouping and measure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events.models import Project
from metrics.query.ask import ask
from tests.support.metric_questions import (
    AROUND,
    CHANGES,
    CONDITIONS,
    ZONES,
    assert_equal,
    some_events,
    spans,
    steps_of,
)
from tests.support.metrics_model import QUANTILES, Asked
from tests.support.pipeline import event, store_all

PROJECT, OTHER_PROJECT = 3_000_001, 3_000_002
KINDS = ["sum", "avg", "min", "max"]
MEASURES = [
    "count",
    "users",
    "sessions",
    *(f"{kind}:props.{name}" for kind in KINDS for name in ("v", "value")),
    *(f"{kind}:props.v" for kind in QUANTILES),
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
    start, end = draw(spans())
    metric = draw(st.sampled_from(MEASURES))
    groups = draw(st.sampled_from([(), (), ("type",), ("props.country",), ("type", "props.flag")]))
    return Asked(
        metric=metric,
        start=start,
        end=end,
        step=draw(st.sampled_from(steps_of(start, end))),
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
    assert_equal(ask(project_id=PROJECT, params=asked.params()), asked, EVENTS)


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
