"""What a defined metric is, and how its sketches are made up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from metrics.language.matching import EventMatch

#: Where coverage begins that has no beginning: no question may be about what lies before it.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
#: The width of a bin: the natural logarithm of (1 + e) / (1 - e), e being the relative error of percentiles.
LOG_GAMMA = math.log(1.01 / 0.99)
#: The number of the bin that ends with 1. Those of numbers below zero are negative, that of zero is 0.
BIN_OFFSET = 50_000
#: Bits of a hash that say which register it is in. The least of the other 50 bits is a register's greatest rank.
REGISTER_BITS = 14
#: Users of a group beyond which they are folded into registers, and their number is an estimate.
DENSE_USERS = 5_000
#: Users of such a group that may count twice before that shows: from here on it is more than the standard error.
STALE_USERS = 40
#: Characters of a dimension's value that are kept; a longer one is cut, and ends with an MD5 of the whole.
DIMENSION_LENGTH = 200

VALUES = ("count", "sum", "avg", "min", "max")
PERCENTILE = "percentile"
USERS = "users"
MEASURES = (*VALUES, USERS, PERCENTILE)


@dataclass(frozen=True, slots=True)
class Definition:
    """A defined metric that is being kept.

    `prop` is the bare name of the property that is measured, None for counts and users; `quantile` what a question
    by name gets of a percentile (its bins answer any other, too). `dimensions` are `type` or `props.NAME`, at most
    two: the columns dim1 and dim2. The rollups answer for covered_from <= ts; None: for nothing yet. A value of a
    dimension is text; one of more than DIMENSION_LENGTH characters is cut, so questions about such must be read raw,
    as must equality with a number: the text does not tell "1" from 1.
    """

    id: int
    project_id: int
    name: str
    match: EventMatch
    measure: str
    prop: str | None
    dimensions: tuple[str, ...]
    covered_from: datetime | None
    quantile: float | None = None

    @property
    def kind(self) -> str:
        """Return which tables hold it: `values`, `bins` or `users`."""
        return kind_of(self.measure)


def kind_of(measure: str) -> str:
    """Return which tables hold a measure: `values`, `bins` or `users`."""
    return {USERS: "users", PERCENTILE: "bins"}.get(measure, "values")


@dataclass(frozen=True, slots=True)
class Grain:
    """A width of buckets: the suffix of the tables' names, and the unit as date_trunc knows it."""

    suffix: str
    unit: str


MINUTE, HOUR, DAY = Grain("1m", "minute"), Grain("1h", "hour"), Grain("1d", "day")
#: Finest first: the order in which everybody writes.
GRAINS = (MINUTE, HOUR, DAY)
#: The tables of each kind of definition, less the grain's suffix.
TABLES = {"values": "rollup_metric", "bins": "rollup_metric_bin", "users": "rollup_metric_user"}
#: The groups of users that are folded into registers.
DENSE = "rollup_metric_dense"
