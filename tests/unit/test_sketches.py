"""Sketches become numbers within their bounds, at the ends of what a float can hold too."""

from __future__ import annotations

import math
import random
import sys
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrics.query.sketches import STANDARD_ERROR, between, cardinality, value_of_bin
from tests.support.definitions_model import bin_of

LARGEST, LEAST = sys.float_info.max, sys.float_info.min


@given(st.one_of(st.floats(LEAST, LARGEST), st.floats(-LARGEST, -LEAST), st.just(0.0)))
def test_a_bin_stands_for_its_numbers_to_a_hundredth(number: float) -> None:
    assert math.isclose(value_of_bin(bin_of(number)), number, rel_tol=0.0100001)  # type: ignore[arg-type]


def test_a_value_lies_between_two_bins_as_far_as_it_is_said_to() -> None:
    low, high = value_of_bin(50_000), value_of_bin(50_100)
    assert between(50_000, 50_100, 0) == low
    assert between(50_000, 50_100, 1) == high
    assert between(50_000, 50_100, 0.25) == pytest.approx(low + (high - low) / 4)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1))
@example(-100.0, 101.0, 0.5)
def test_a_value_is_off_by_a_hundredth_of_the_numbers_that_it_lies_between(
    low: float, high: float, share: float
) -> None:
    """Not of itself: between two signs it may be near 0."""
    exact = low * (1 - share) + high * share
    found = between(bin_of(low), bin_of(high), share)  # type: ignore[arg-type]
    assert abs(found - exact) <= 0.0100001 * max(abs(low), abs(high)) + 1e-300


def test_two_ends_of_all_numbers_have_a_middle() -> None:
    least, most = (bin_of(number) for number in (-LARGEST, LARGEST))  # type: ignore[arg-type]
    assert between(least, most, 0.5) == 0


def ranks_of(count: int, seed: int) -> Counter[int]:
    """Return how many registers have which greatest rank after so many hashes."""
    chance, registers = random.Random(seed), dict[int, int]()
    for _ in range(count):
        hashed = chance.getrandbits(64)
        register, rank = hashed >> 50, 51 - (hashed & (2**50 - 1)).bit_length()
        registers[register] = max(rank, registers.get(register, 0))
    return Counter(registers.values())


@pytest.mark.parametrize("count", [0, 1, 10, 1000, 20_000, 60_000, 200_000])
def test_an_estimate_is_within_three_standard_errors(count: int) -> None:
    found = cardinality(ranks_of(count, seed=count).items())
    assert found == pytest.approx(count, rel=3 * STANDARD_ERROR)
