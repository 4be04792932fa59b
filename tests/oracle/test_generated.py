"""The product and DuckDB say the same of a generated history: the table of questions, and drawn ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle import segments
from tests.oracle.drawn import questions
from tests.oracle.grounds import GENERATED
from tests.oracle.questions import TABLE, Question
from tests.oracle.world import World


@pytest.mark.parametrize("question", TABLE, ids=str)
def test_both_say_the_same(generated: World, question: Question) -> None:
    generated.check(question)


@given(question=questions(GENERATED))
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_both_say_the_same_to_drawn_questions(generated: World, question: Question) -> None:
    generated.check(question)


@pytest.mark.parametrize("name", GENERATED.segments)
def test_both_put_the_same_people_in_a_segment(generated: World, name: str) -> None:
    generated.check_segment(name)


def test_the_history_has_what_is_easy_to_be_wrong_about(generated: World) -> None:
    """Without this, the tests above could agree about nothing."""
    ((sent, ids, conflicts, ties, aliased, hot),) = generated.duck.rows("""
        SELECT (SELECT count(*) FROM sent), count(*), (SELECT count(*) FROM sent WHERE type = 'conflict'),
            count(*) - count(DISTINCT (person, ts)), count(*) FILTER (WHERE person <> user_id),
            count(*) FILTER (WHERE user_id = 'hot')
        FROM event
    """)
    assert sent > ids + 100
    assert min(conflicts, ties, aliased, hot) > 30
    sizes = {name: len(segments.people(generated.duck, name)) for name in GENERATED.segments}
    assert sizes.pop("nobody") == 0
    assert all(sizes.values()), sizes
