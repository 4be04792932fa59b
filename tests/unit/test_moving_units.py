"""Which pieces of a table are copied, and how they are put together."""

from __future__ import annotations

from config.moving.compare import Sum
from config.moving.units import Unit, units

A, B = Sum(4, 1), Sum(4, 2)


def found(here: dict[int, Sum], there: dict[int, Sum], most: int = 100) -> list[Unit]:
    return list(units(here, there, 10, most))


def test_equal_buckets_are_left_alone() -> None:
    assert found({0: A, 10: B}, {0: A, 10: B}) == []


def test_neighbours_that_differ_are_one_unit() -> None:
    assert found({0: A, 10: A, 50: A}, {}) == [Unit(0, 60, 12, replaces=False)]


def test_an_equal_bucket_is_never_inside_a_unit() -> None:
    assert found({0: A, 10: B, 20: A}, {10: B}) == [Unit(0, 10, 4, False), Unit(20, 30, 4, False)]


def test_a_unit_ends_when_it_has_enough_rows() -> None:
    assert [unit.rows for unit in found({10 * one: A for one in range(5)}, {}, most=8)] == [8, 8, 4]


def test_rows_of_the_target_are_replaced() -> None:
    assert found({0: A}, {0: B}) == [Unit(0, 10, 4, replaces=True)]


def test_what_only_the_target_has_goes() -> None:
    assert found({}, {0: A, 10: A}) == [Unit(0, 20, 0, replaces=True)]
