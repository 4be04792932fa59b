"""Defined metrics equal a computation over the raw events, at every commit and whatever the events hold."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config.lib.postgres import connect
from events.reasons import Outcome
from metrics.definitions.backfill import backfill
from metrics.definitions.spec import BEGINNING
from metrics.errors import BadQuestion
from metrics.models import MetricDefinition
from metrics.query import sketches
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.definitions_model import assert_exact, define, expected, kept
from tests.support.pipeline import (
    NOON,
    append,
    append_rows,
    copy_line,
    event,
    new_project,
    process_all,
    processor,
    rows,
    store_all,
)
from tests.support.tenants import Tenant

MINUTE = timedelta(minutes=1)
MEASURES: list[dict[str, Any]] = [
    {"measure": "count"},
    {"measure": "count", "match": {"type": ["order", "page_view"], "filters": ["props.plan:eq:pro"]}},
    {"measure": "users", "dimensions": ["type"]},
    {"measure": "sum", "property": "props.x", "dimensions": ["props.plan", "type"]},
    {"measure": "p95", "property": "x", "dimensions": ["props.plan"]},
]
values = st.one_of(
    st.sampled_from(
        [None, 0, -0.0, 1, -1, 1e308, -1e308, 1e-320, -5e-324, 2**63, "7", "NaN", True, [1], {"a": 1}]
    ),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
)
dims = st.one_of(
    st.sampled_from([None, "", "pro", 1, 1.5, True, {"a": {"b": []}}, [1, "x"], "ü" * 201, "x" * 30_000]),
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=300),
)
sent = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "çid"]),
        st.integers(-3000, 3000).map(lambda n: NOON + timedelta(minutes=n, milliseconds=n)),
        st.sampled_from(["page_view", "order", "other"]),
        st.integers(0, 30).map(lambda n: f"id-{n}"),
        values,
        dims,
    ),
    max_size=25,
)


def fill(definition: MetricDefinition) -> None:
    """Compute history to its end."""
    with connect(name="test definitions", autocommit=True) as link:
        while backfill(link, seconds=0):
            pass
    definition.refresh_from_db()
    assert (definition.state, definition.message) == (MetricDefinition.State.KEPT, "")


@given(before=st.lists(sent, max_size=2), after=st.lists(sent, min_size=1, max_size=2))
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Each example runs the pipeline several times: to shrink one takes many minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_whatever_events_hold_the_rollups_are_those_of_a_computation_from_scratch(
    pipeline: None, before: list[Any], after: list[Any]
) -> None:
    project = new_project()
    made: list[MetricDefinition] = []
    with processor() as running:
        for batches in (before, after):
            for batch in batches:
                append(
                    project,
                    [event(u, ts, type=kind, id=id, x=x, plan=plan) for u, ts, kind, id, x, plan in batch],
                    size=7,
                )
                outcomes = process_all(running)
                assert not outcomes[project, Outcome.DEAD]
            if not made:
                made = [define(project, f"m{n}", **body) for n, body in enumerate(MEASURES)]
    for one in made:
        fill(one)
        assert_exact(one)


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "1e-400", "4e-324", "2e-324", "1e131000", "1" + "0" * 4000]
)
def test_numbers_that_no_float_holds_make_no_event_fail(acme: Tenant, number: str) -> None:
    made = [define(acme.id, f"m{n}", **body) for n, body in enumerate(MEASURES)]
    append_rows(acme.id, copy_line(acme.id, props=json.dumps({"plan": "p"})[:-1] + f', "x": {number}}}'))
    outcomes = process_all()
    assert outcomes[acme.id, Outcome.STORED] == 1
    assert len(kept(made[3], "1d")) == len(kept(made[4], "1d")) == 1


@pytest.mark.parametrize(
    "value", [-0.0, "NaN", "Infinity", "1e400", True, None, [[1]], {"a": {"b": [1, None]}}]
)
def test_odd_values_are_counted_and_poison_no_event(acme: Tenant, value: Any) -> None:
    made = [define(acme.id, f"m{n}", **body) for n, body in enumerate(MEASURES)]
    outcomes = store_all(acme.id, [event(x=value, plan="pro"), event(x=3, plan=value)])
    assert outcomes[acme.id, Outcome.STORED] == 2
    for one in made:
        assert_exact(one)
    numbers = sum(n for n, *_ in kept(made[3], "1d").values())
    assert numbers == (2 if value == 0 else 1)


def test_long_dimensions_fit_the_index_and_are_told_apart(acme: Tenant) -> None:
    made = [define(acme.id, f"m{n}", **body) for n, body in enumerate(MEASURES)]
    # Three bytes a letter, nothing that an index could compress, and almost as large as an event may be.
    chance = random.Random(7)
    long = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(10_000))
    sent = [event(x=n, plan=long + end, type="order") for n, end in enumerate(["", "a", "b"])]
    assert store_all(acme.id, sent)[acme.id, Outcome.STORED] == 3
    for one in made:
        assert_exact(one)
    assert len(kept(made[3], "1d")) == 3


def test_a_stored_definition_that_postgres_cannot_take_is_not_kept_and_stops_no_event(acme: Tenant) -> None:
    one, sound = define(acme.id, "odd"), define(acme.id, "sound")
    one.match = {"type": [], "filters": ["props.x:gt:0e-20000"]}
    one.save(update_fields=["match"])
    assert store_all(acme.id, [event(x=1)])[acme.id, Outcome.STORED] == 1
    assert not kept(one, "1d")
    assert_exact(sound)


def test_a_definition_that_postgres_refuses_is_not_made(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the parser lets through."""
    monkeypatch.setattr("metrics.language.filters.number_of", Decimal)
    monkeypatch.setattr("metrics.language.conditions.number_of", Decimal)
    with pytest.raises(BadQuestion, match="cannot compute"):
        define(acme.id, match={"filters": ["props.x:gt:0e-20000"]})
    assert not MetricDefinition.objects.exists()


def test_without_a_definition_nothing_is_written(acme: Tenant) -> None:
    store_all(acme.id, [event(x=1)])
    assert rows("SELECT count(*) FROM rollup_metric_1m") == [(0,)]


def test_a_definition_counts_its_own_project_only(acme: Tenant, globex: Tenant) -> None:
    mine, theirs = define(acme.id), define(globex.id)
    store_all(acme.id, [event(), event("u2")])
    store_all(globex.id, [event()])
    assert [n for n, *_ in kept(mine, "1d").values()] == [2]
    assert [n for n, *_ in kept(theirs, "1d").values()] == [1]


def test_duplicates_and_late_events_count_once(acme: Tenant) -> None:
    one = define(acme.id, measure="sum", property="x")
    store_all(acme.id, [event(id="a", x=5)])
    store_all(
        acme.id, [event(id="a", x=5), event(ts=NOON - timedelta(days=20), x=Decimal("0.5").__float__())]
    )
    assert_exact(one)
    assert len(kept(one, "1d")) == 2


def test_a_new_definition_answers_for_the_day_in_progress_first_and_then_for_all(acme: Tenant) -> None:
    store_all(acme.id, [event(ts=NOON + timedelta(days=n), x=n) for n in (0, 1, 5)])
    one = define(acme.id, measure="avg", property="x")
    seen = []
    with connect(name="test definitions", autocommit=True) as link:
        while backfill(link, seconds=0):
            one.refresh_from_db()
            seen.append((one.covered_from, one.progress))
    days = [covered.date() for covered, _ in seen[1:-1]]
    assert days == [(NOON + timedelta(days=n)).date() for n in (5, 1, 0)]
    assert seen[-1] == (BEGINNING, 100)
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
    assert_exact(one)


def test_check_and_rebuild_know_definitions(acme: Tenant) -> None:
    made = [define(acme.id, f"m{n}", **body) for n, body in enumerate(MEASURES)]
    store_all(acme.id, [event(f"u{n}", NOON + n * MINUTE, x=n, plan="pro") for n in range(50)])
    for one in made:
        fill(one)
    assert_rollups_equal_raw()
    for statement in (
        "UPDATE rollup_metric_1h SET n = n + 1 WHERE definition_id = %s",
        "DELETE FROM rollup_metric_user_1d WHERE definition_id = %s",
        "UPDATE rollup_metric_bin_1m SET bin = bin + 1 WHERE definition_id = %s",
    ):
        ids = {"_1h": made[0].pk, "_1d": made[2].pk, "_1m": made[4].pk}
        rows(
            statement + " RETURNING 1",
            next(pk for name, pk in ids.items() if name in statement.split(" WHERE")[0]),
        )
        with pytest.raises(AssertionError):
            assert_rollups_equal_raw()
        from django.core.management import call_command

        call_command("rebuild_rollups", verbosity=0)
        assert_rollups_equal_raw()
    for one in made:
        assert_exact(one)


def test_percentiles_of_bins_are_within_one_percent(acme: Tenant) -> None:
    one = define(acme.id, measure="p50", property="x")
    numbers = [1.07**n for n in range(-200, 200)]
    store_all(acme.id, [event(x=number) for number in numbers])
    ((bins,),) = (kept(one, "1d").values(),)
    stands = sorted(sketches.value_of_bin(number) for number in bins)
    for number, near in zip(sorted(numbers), stands, strict=True):
        assert near == pytest.approx(number, rel=0.01 + 1e-9)
    assert expected(one, "1d").values()
