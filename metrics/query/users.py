"""Makes numbers of users from rows of three kinds: counts, hashes, and the registers of large groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from metrics.definitions.registers import of_hashes, union
from metrics.errors import TooManyPoints
from metrics.query.sketches import estimate
from metrics.query.sql import LARGE_LIMIT, ROW_LIMIT

#: Whether it is a total, the number of the bucket, and two groups.
_cell = itemgetter(0, 1, 2, 3)
#: A cell, and one of: a count, the hashes of the greatest ranks, the registers of a large group.
Part = tuple[bool, int | None, str | None, str | None, int | None, bytes | None, bytes | None]


def users(parts: Iterable[Part]) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the cells with their numbers, and whether some are estimates. Those of one cell follow each other.

    Totals come last, without the registers: they are those of their group's buckets. Raises TooManyPoints.
    """
    made: list[tuple[Any, ...]] = []
    whole: dict[Any, bytes] = {}
    estimated = False
    for (is_total, bucket, *group), found in groupby(_bounded(parts), key=_cell):
        count, hashes, registers = _apart(found)
        if is_total:
            registers = [whole.pop(tuple(group))] if tuple(group) in whole else []
        elif registers:
            estimated = True
            whole[tuple(group)] = union(whole.get(tuple(group), b""), *registers)
        value = estimate(union(of_hashes(hashes), *registers)) if registers else count
        made.append((is_total, bucket, *group, value))
    # Of groups that are large in each bucket, and where nobody came since.
    made += [(True, None, *group, estimate(registers)) for group, registers in whole.items()]
    return made, estimated


def _apart(found: Iterable[Part]) -> tuple[int, bytes, list[bytes]]:
    """Return a cell's count, hashes and registers."""
    count, hashes, registers = 0, b"", []
    for *_, value, listed, packed in found:
        count += value or 0
        hashes += listed or b""
        if packed is not None:
            registers.append(packed)
    return count, hashes, registers


def _bounded(parts: Iterable[Part]) -> Iterator[Part]:
    large = 0
    for number, part in enumerate(parts):
        large += part[-1] is not None
        if number >= ROW_LIMIT or large > LARGE_LIMIT:
            raise TooManyPoints("The answer has too many groups; filter, or group by something coarser.")
        yield part
