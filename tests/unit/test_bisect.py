"""Finding poison: exactly what is bad where that is little, and soon giving up where it is much."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg
import pytest

from events.contracts import Batch, Claimed, Lane
from events.processor.bisect import Line, MassPoison, find_poison

OWNER = Claimed(1, 1, Batch(1, Lane.LIVE, 0, b""))


def lines(good: int, bad: int) -> list[Line]:
    """Return lines of which the bad ones stand together, as those of one producer do."""
    return [Line(OWNER, b"bad %d\n" % n) for n in range(bad)] + [
        Line(OWNER, b"good %d\n" % n) for n in range(good)
    ]


class Attempts:
    """Refuses lines that are bad, and counts."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, tried: Sequence[Line]) -> None:
        self.made += 1
        if any(line.text.startswith(b"bad") for line in tried):
            raise psycopg.errors.InvalidTextRepresentation("bad")


@pytest.mark.parametrize(("good", "bad"), [(0, 1), (1, 1), (10_000, 1), (0, 19), (2000, 25), (2000, 200)])
def test_little_poison_is_found_to_the_last_line(good: int, bad: int) -> None:
    found = find_poison(lines(good, bad), Attempts(), attempts=5000)
    assert {poison.line.text for poison in found} == {b"bad %d\n" % n for n in range(bad)}


def test_a_claim_of_nothing_but_poison_is_given_up_after_a_few_attempts() -> None:
    attempts = Attempts()
    with pytest.raises(MassPoison, match="20 of 20"):
        find_poison(lines(0, 10_000), attempts, attempts=5000)
    assert attempts.made < 100


def test_more_bad_than_good_is_mass_poison() -> None:
    attempts = Attempts()
    with pytest.raises(MassPoison):
        find_poison(lines(400, 600), attempts, attempts=5000)
    assert attempts.made < 500


def test_no_search_takes_more_attempts_than_it_may() -> None:
    attempts = Attempts()
    with pytest.raises(MassPoison, match="takes too long"):
        find_poison(lines(9500, 500), attempts, attempts=300)
    assert attempts.made == 300


def test_no_search_takes_longer_than_it_may() -> None:
    attempts = Attempts()
    with pytest.raises(MassPoison, match="takes too long"):
        find_poison(lines(9500, 500), attempts, attempts=5000, until=time.monotonic() - 1)
    assert not attempts.made


def test_an_error_of_the_systems_passes_through() -> None:
    def fail(tried: Sequence[Line]) -> None:
        raise psycopg.OperationalError("gone")

    with pytest.raises(psycopg.OperationalError):
        find_poison(lines(10, 10), fail, attempts=100)


def test_few_events_are_not_blamed_where_everything_is_refused() -> None:
    def refuse(tried: Sequence[Line]) -> None:
        raise psycopg.errors.CheckViolation("a constraint of somebody's")

    with pytest.raises(MassPoison, match="even a plain event"):
        find_poison(lines(0, 1), refuse, attempts=100)


def test_few_events_are_not_blamed_for_a_refusal_that_began_during_the_search() -> None:
    attempts = Attempts()

    def refuse(tried: Sequence[Line]) -> None:
        if attempts.made:
            raise psycopg.errors.CheckViolation("a constraint of somebody's")
        attempts(tried)

    with pytest.raises(MassPoison, match="even a plain event"):
        find_poison(lines(3, 0), refuse, attempts=100)
