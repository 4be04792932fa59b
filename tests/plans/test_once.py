"""People are told apart in a bucket only where somebody may be in it twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from metrics.definitions.spec import BEGINNING, Definition
from metrics.language.matching import EventMatch
from metrics.language.people import ALIASED, SINGLE, People
from metrics.query.once import is_once
from metrics.query.parse import parse_question
from metrics.query.planner import plan

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
CUSTOMERS = Definition(
    7, 1, "customers", EventMatch(("order",)), "users", None, ("props.country",), BEGINNING
)


def once(people: People = SINGLE, **params: str) -> list[str]:
    """Return the relations of the parts of which a bucket has nobody twice."""
    listed = {name: [value] for name, value in ({"metric": "users"} | params).items()}
    question = parse_question(project_id=1, params=listed, now=NOW)
    chosen = plan(question, [CUSTOMERS])
    return [part.relation for part in chosen.parts if is_once(part, question, people)]


@pytest.mark.parametrize(
    ("params", "relations"),
    [
        ({"range": "2025-06-01/2025-06-11", "step": "1d"}, ["rollup_users_1d"]),
        ({"range": "90d", "step": "1d"}, ["rollup_users_1d"]),
        ({"range": "2025-06-01/2025-06-11", "step": "1h"}, ["rollup_users_1h"]),
        ({"range": "2025-06-01/2025-06-11", "step": "1w"}, []),
        ({"range": "2025-06-01/2025-06-11", "step": "1d", "tz": "Europe/Berlin"}, []),
        # A day of 25 hours: a day of UTC lies within it, and so do hours.
        ({"range": "2025-10-25T22:00Z/2025-10-26T23:00Z", "step": "1d", "tz": "Europe/Berlin"}, []),
        # A defined metric may have somebody twice: two processors need not wait for each other.
        ({"range": "2025-06-01/2025-06-11", "step": "1d", "type": "order", "groupBy": "props.country"}, []),
        ({"range": "2025-06-01/2025-06-11", "step": "1d", "type": "order"}, []),
        ({"range": "2025-06-01/2025-06-02", "step": "1m", "type": "order", "groupBy": "props.country"}, []),
        ({"range": "2025-06-01/2025-06-11", "step": "1d", "type": "view"}, []),
    ],
)  # fmt: skip
def test_a_bucket_that_is_one_of_the_rollup_has_nobody_twice(
    params: dict[str, str], relations: list[str]
) -> None:
    assert once(**params) == relations


def test_two_names_in_a_bucket_may_be_one_person() -> None:
    assert once(ALIASED, range="2025-06-01/2025-06-11", step="1d") == []
