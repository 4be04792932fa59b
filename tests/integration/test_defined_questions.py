"""Answers about people, segments and defined metrics equal a recomputation in plain Python, sketches within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.lib.postgres import connect
from events.models import Project
from metrics.definitions.backfill import backfill
from metrics.definitions.folding import fold
from metrics.definitions.selectors import definitions_of
from metrics.errors import BadQuestion
from metrics.models import MetricDefinition
from metrics.query import reading
from metrics.query.ask import Answer, ask
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.support.definitions_model import define
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
from tests.support.metrics_model import Asked, Defined, Seen
from tests.support.pipeline import NOON, event, store_all
from tests.support.segments_model import World
from tests.support.tenants import Tenant

#: The same events, in one of them by people with several ids; and a neighbour's.
PROJECTS = {"single": 3_200_001, "aliased": 3_200_002, "globex": 3_200_003}
ALIASES = {"u1": "u2", "u3": "u2", "u4": "known"}
EVENTS = some_events(20251102)
PEOPLE = {"single": EVENTS, "aliased": [replace(one, alias_of=ALIASES.get(one.user)) for one in EVENTS]}
#: From here on everything is covered by half of the metrics; by the others from the beginning.
MIDDLE = datetime(2025, 10, 26, tzinfo=UTC)
DEFINED = [
    Defined("orders", "count", ("order",), group_by=("props.country",)),
    Defined("big", "count", filters=("props.v:gt:5",), group_by=("type", "props.flag")),
    Defined("everything", "count", group_by=("type", "props.country")),
    Defined("buyers", "users", ("order", "view"), group_by=("type",)),
    Defined("germans", "users", filters=("props.country:eq:DE",)),
    Defined("people", "users"),
    Defined("turnover", "sum:props.v", group_by=("props.country", "type")),
    Defined("least", "min:props.v", ("view",)),
    Defined("mean", "avg:props.value", ("order",)),
    Defined("median", "p50:props.v", group_by=("props.country",)),
    Defined("slowest", "p95:props.v", ("order", "view"), ("props.flag:eq:true",)),
]
RULES: dict[str, Any] = {
    "buyers": {"did": "order", "atLeast": 3},
    "others": {"not": {"did": {"type": "order", "filters": ["props.country:eq:DE"]}}},
    "spring": {
        "all": [{"did": "view", "range": "2025-03-29T00:00Z/2025-03-31T00:00Z"}, {"not": {"did": "b\tq"}}]
    },
    "nobody": {"did": "never"},
}


@pytest.fixture
def stored(pipeline: None) -> None:
    for slug, number in PROJECTS.items():
        Project.objects.create(pk=number, slug=slug)
    # Half of the people become others before anything of theirs comes, and half of the events before the metrics.
    for slug in PEOPLE:
        store_all(PROJECTS[slug], as_sent(EVENTS[:250]))
    alias(PROJECTS["aliased"])
    for slug in PEOPLE:
        make(PROJECTS[slug])
        store_all(PROJECTS[slug], as_sent(EVENTS[250:]))
    store_all(PROJECTS["globex"], as_sent([replace(one, type="foreign") for one in EVENTS[:50]]))
    compute_history()
    forget_history([one.name for one in DEFINED[::2]])


def as_sent(events: Sequence[Seen]) -> list[dict[str, Any]]:
    return [event(one.user, one.ts, type=one.type, **one.props) for one in events]


def alias(project: int) -> None:
    with connection.cursor() as cursor:
        for id, user in ALIASES.items():
            cursor.execute("INSERT INTO user_alias VALUES (%s, %s, %s, now())", [project, id, user])


def make(project: int) -> None:
    """Make the metrics and the segments."""
    for one in DEFINED:
        measure, _, prop = one.metric.partition(":")
        match = {"type": list(one.types), "filters": list(one.filters)}
        named = {"property": prop} if prop else {}
        define(project, one.name, measure=measure, match=match, dimensions=list(one.group_by), **named)
    for name, rules in RULES.items():
        create_segment(project_id=project, name=name, by="test", rules=read_rules(rules))


def compute_history() -> None:
    with connect(name="test definitions", autocommit=True) as link:
        while backfill(link, seconds=60):
            pass


def forget_history(names: list[str]) -> None:
    """Leave these metrics as if their history were computed down to the middle only."""
    ids = list(MetricDefinition.objects.filter(name__in=names).values_list("pk", flat=True))
    MetricDefinition.objects.filter(pk__in=ids).update(covered_from=MIDDLE)
    with connection.cursor() as cursor:
        for table in ("rollup_metric", "rollup_metric_bin", "rollup_metric_user"):
            for grain in ("1m", "1h", "1d"):
                text = f"DELETE FROM {table}_{grain} WHERE definition_id = ANY(%s) AND bucket < %s"
                cursor.execute(text, [ids, MIDDLE])


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    start, end = draw(spans())
    metric = draw(st.sampled_from(DEFINED))
    dims = [metric.group_by[:1], metric.group_by, metric.group_by[::-1]]
    asked = Asked(
        metric=metric.name,
        start=start,
        end=end,
        step=draw(st.sampled_from(steps_of(start, end))),
        tz=draw(st.sampled_from(ZONES)),
        types=draw(st.sampled_from([(), (), metric.types[:1], metric.types])),
        filters=tuple(draw(st.one_of(st.just([]), st.lists(st.sampled_from(CONDITIONS), max_size=2)))),
        group_by=draw(st.sampled_from([(), *dims, ("props.country",), ("type", "props.flag")])),
    )
    if draw(st.booleans()):
        return asked
    # The same in other words, or something near it.
    others = {"min": "max", "avg": "sum", "p50": "p90", "p95": "p99"}
    kind, colon, prop = metric.metric.partition(":")
    other = replace(asked.resolved(DEFINED), metric=others.get(kind, kind) + colon + prop)
    return draw(st.sampled_from([asked.resolved(DEFINED), other]))


FIRST, LAST = CHANGES[0] - AROUND, CHANGES[2] + AROUND
WEEKS = Asked("median", FIRST, LAST, "1w", "Europe/Berlin", group_by=("props.country",))
MONTHS = Asked("buyers", FIRST, LAST, "1mo", "America/New_York", group_by=("type",))
DAYS = Asked("turnover", FIRST, LAST, "1d", "Europe/Berlin", group_by=("type", "props.country"))
exhaustively = settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(slug=st.sampled_from(list(PEOPLE)), asked=questions())
@example(slug="single", asked=WEEKS)
@example(slug="aliased", asked=MONTHS)
@example(slug="aliased", asked=DAYS)
@exhaustively
def test_every_answer_of_a_defined_metric_equals_a_recomputation(
    stored: None, slug: str, asked: Asked
) -> None:
    found = ask(project_id=PROJECTS[slug], params=asked.params())
    assert_equal(found, asked.resolved(DEFINED), PEOPLE[slug])


@st.composite
def questions_about_people(draw: st.DrawFn) -> Asked:
    start, end = draw(spans())
    metric = draw(
        st.sampled_from(["count", "users", "users", "sessions", "avg:props.value", "p90:props.v", "orders"])
    )
    everything = draw(st.booleans())
    return Asked(
        metric=metric,
        start=start,
        end=end,
        step=draw(st.sampled_from(steps_of(start, end))),
        tz=draw(st.sampled_from(ZONES)),
        types=() if everything else draw(st.sampled_from([("order",), ("order", "view")])),
        filters=() if everything else tuple(draw(st.lists(st.sampled_from(CONDITIONS), max_size=2))),
        group_by=() if everything or metric == "sessions" else draw(st.sampled_from([(), ("type",)])),
        segment=draw(st.sampled_from([None, *RULES])),
    )


@given(slug=st.sampled_from(list(PEOPLE)), asked=questions_about_people())
@exhaustively
def test_every_answer_about_people_and_segments_equals_a_recomputation(
    stored: None, slug: str, asked: Asked
) -> None:
    world = World(EVENTS, CHANGES[2], ALIASES if slug == "aliased" else {})
    people = world.members(RULES[asked.segment]) if asked.segment else None
    found = ask(project_id=PROJECTS[slug], params=asked.params())
    assert_equal(found, asked.resolved(DEFINED), PEOPLE[slug], people)


@pytest.mark.parametrize("metric", ["orders", "turnover"])
def test_groups_beyond_the_limit_are_summed_as_other(stored: None, metric: str) -> None:
    asked = replace(DAYS, metric=metric, group_by=("props.country",)).params()
    whole = ask(project_id=PROJECTS["single"], params=asked).series
    two = ask(project_id=PROJECTS["single"], params=asked | {"limit": ["2"]}).series
    assert two[:2] == whole[:2]
    assert two[2].group == {"props.country": "other"}
    assert two[2].total == pytest.approx(sum(one.total or 0 for one in whole[2:]))
    for place, (start, value) in enumerate(two[2].points):
        assert value == pytest.approx(sum(one.points[place][1] or 0 for one in whole[2:])), start


@pytest.mark.parametrize("metric", ["buyers", "median"])
def test_what_cannot_be_summed_has_no_other(stored: None, metric: str) -> None:
    group = "type" if metric == "buyers" else "props.country"
    asked = replace(DAYS, metric=metric, group_by=(group,)).params() | {"limit": ["1"]}
    (only,) = ask(project_id=PROJECTS["single"], params=asked).series
    assert only.group != {group: "other"}


def test_a_metric_of_another_project_is_not_known(stored: None) -> None:
    with pytest.raises(BadQuestion):
        ask(project_id=PROJECTS["globex"], params=WEEKS.params())


def test_percentiles_of_a_defined_metric_say_how_wrong_they_may_be(stored: None) -> None:
    kept, raw = (
        ask(project_id=PROJECTS["single"], params=replace(WEEKS, metric=metric).params())
        for metric in ("median", "p50:props.value")
    )
    assert kept.accuracy is not None
    assert kept.accuracy.wire() == {"kind": "ddsketch", "relativeError": 0.01}
    assert raw.accuracy is None


# --- users of large groups ------------------------------------------------------------------------------------

USERS, DAY = 3000, timedelta(days=1)


@pytest.fixture
def crowd(acme: Tenant) -> Tenant:
    """Three thousand orders by as many users on each of two days, half of them new on the second; the first is thinned.

    On the third day some come back, and somebody else.
    """
    define(acme.id, "customers", measure="users", match={"type": "order"}, dimensions=["props.country"])
    days = [range(USERS), range(USERS // 2, USERS // 2 + USERS), [*range(10), 10**6]]
    for number, users in enumerate(days):
        moments = ((user, NOON + number * DAY + timedelta(seconds=user % 7200)) for user in users)
        store_all(acme.id, [event(f"u{user}", ts, type="order", country="DE") for user, ts in moments])
    compute_history()
    with connect(name="test definitions", autocommit=True) as link:
        assert fold(link, NOON - DAY, NOON + DAY / 2, most=100)
    return acme


def customers(tenant: Tenant, span: str, step: str = "1d", **more: list[str]) -> Answer:
    return ask(
        project_id=tenant.id, params={"metric": ["customers"], "range": [span], "step": [step], **more}
    )


def test_users_of_thinned_groups_are_estimated_and_others_counted(crowd: Tenant) -> None:
    found = customers(crowd, "2025-06-02/2025-06-05")
    (series,) = found.series
    assert found.source == "rollup_metric_user_1d"
    assert found.accuracy is not None
    assert found.accuracy.wire() == {"kind": "hyperloglog", "standardError": 0.008125}
    first, second, third = (value for _, value in series.points)
    assert first == pytest.approx(USERS, rel=0.02)
    assert (second, third) == (USERS, 11)
    assert series.total == pytest.approx(USERS * 1.5 + 1, rel=0.02)


def test_nothing_is_estimated_where_no_group_was_thinned(crowd: Tenant) -> None:
    found = customers(crowd, "2025-06-03/2025-06-05")
    assert found.accuracy is None
    assert found.series[0].total == USERS + 11


def test_a_thinned_group_is_joined_with_raw_events(crowd: Tenant) -> None:
    """The last hour's first seconds come from the events, the rest of two days from the rollups."""
    found = customers(crowd, "2025-06-02T00:00:00Z/2025-06-03T12:00:10Z", "1mo")
    assert {part.relation for part in found.plan} == {
        "event",
        "rollup_metric_user_1d",
        "rollup_metric_user_1h",
    }
    assert found.series[0].total == pytest.approx(USERS + 10, rel=0.02)


def test_a_thinned_group_is_found_by_its_dimension(crowd: Tenant) -> None:
    store_all(crowd.id, [event(f"u{user}", type="order", country="FR") for user in range(50)])
    by_country = customers(crowd, "2025-06-02/2025-06-03", groupBy=["props.country"])
    german, french = by_country.series
    assert (german.group, french.group) == ({"props.country": "DE"}, {"props.country": "FR"})
    assert german.total == pytest.approx(USERS, rel=0.02)
    assert french.total == 50
    only = customers(crowd, "2025-06-02/2025-06-03", filter=["props.country:eq:FR"])
    assert (only.series[0].total, only.accuracy) == (50, None)


def test_a_metric_that_is_removed_while_it_is_read_is_not_relied_on(
    crowd: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def vanishing(cursor: Any, project_id: int) -> tuple[Any, ...]:
        seen.append(definitions_of(cursor, project_id))
        return seen[0] if len(seen) == 1 else ()

    monkeypatch.setattr(reading, "definitions_of", vanishing)
    found = customers(crowd, "2025-06-02/2025-06-05")
    assert len(seen) == 2
    assert (found.source, found.accuracy) == ("event", None)
    assert found.series[0].total == USERS * 1.5 + 1
