"""What Postgres reads to find who is in a segment: rollups where they tell it, else only the days and types meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql

from metrics.language.conditions import Words
from metrics.language.people import ALIASED, SINGLE, People
from metrics.segments.compile import members
from metrics.segments.reading import read_rules
from tests.support.pipeline import event, new_project, store_all
from tests.support.plans import explain, indexes_read

NOW = datetime(2025, 6, 15, 12, 59, tzinfo=UTC)
FIRST = datetime(2025, 6, 1, 12, tzinfo=UTC)
DAY = "2025-06-03/2025-06-04"
PEOPLE = pytest.mark.parametrize("people", [SINGLE, ALIASED], ids=["single", "aliased"])


@pytest.fixture(autouse=True)
def fifteen_days(pipeline: None) -> None:
    moments = (FIRST + timedelta(days=n % 15, minutes=n) for n in range(150))
    store_all(new_project(), [event(f"u{n % 7}", ts) for n, ts in enumerate(moments)])


def written(rule: dict[str, Any], people: People = SINGLE) -> tuple[sql.Composable, dict[str, Any]]:
    words = Words()
    return members(read_rules(rule), words, people, project_id=1, now=NOW), words.params


def read(rule: dict[str, Any], people: People = SINGLE) -> set[str]:
    return explain(*written(rule, people)) - {"user_alias"}


@PEOPLE
@pytest.mark.parametrize(
    "rule", [{"did": {}}, {"not": {"trait": "plan:eq:pro"}}, {"did": {}, "within": "7d"}]
)
def test_who_was_seen_is_read_from_rollups(people: People, rule: dict[str, Any]) -> None:
    """The window ends with a whole hour here: nothing is ragged."""
    assert not [name for name in read(rule, people) if name.startswith("event")]


def test_the_ragged_ends_of_a_window_are_read_raw_and_nothing_else() -> None:
    ragged = "2025-06-03T11:30:00+00:00/2025-06-07T10:20:00+00:00"
    found = read({"did": {}, "range": ragged})
    assert {name for name in found if name.startswith("event")} == {"event_p20250603", "event_p20250607"}


@PEOPLE
def test_a_rule_with_a_time_reads_its_days(people: People) -> None:
    rule = {"did": {"type": "page_view", "filters": ["props.x:exists"]}, "range": DAY}
    assert read(rule, people) == {"event_p20250603"}


def test_a_rule_with_a_type_goes_through_the_index_of_types() -> None:
    plan = indexes_read(*written({"did": "page_view", "atLeast": 2, "range": DAY}))
    assert "type = ANY ('{page_view}'::text[])" in plan
