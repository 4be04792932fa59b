"""Picks what has to be copied from two sets of sums: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from config.moving.compare import Key, Sum

#: Rows after which a unit is closed: what an interruption can cost.
UNIT_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Unit:
    """The rows of start <= key < end, copied in one transaction; `replaces` tells whether the target has some."""

    start: Key
    end: Key
    rows: int
    replaces: bool


def units(
    here: Mapping[Key, Sum], there: Mapping[Key, Sum], step: timedelta | int, most: int = 0
) -> Iterator[Unit]:
    """Yield what differs, in order, as few units as `most` rows (UNIT_ROWS) in each allow.

    Neighbours are joined only where no equal bucket lies between them.
    """
    gathered: list[Key] = []
    rows = 0
    for bucket in sorted(here.keys() | there.keys()):
        differs = here.get(bucket) != there.get(bucket)
        if differs:
            gathered.append(bucket)
            rows += here.get(bucket, Sum()).rows
        if gathered and (not differs or rows >= (most or UNIT_ROWS)):
            yield _unit(there, gathered, step, rows)
            gathered, rows = [], 0
    if gathered:
        yield _unit(there, gathered, step, rows)


def _unit(there: Mapping[Key, Sum], buckets: list[Key], step: Any, rows: int) -> Unit:
    return Unit(buckets[0], buckets[-1] + step, rows, any(bucket in there for bucket in buckets))
