"""A question, understood: every value here is checked and means one thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from metrics.language.filters import Filter
from metrics.query.steps import Step

ADDITIVE = ("count", "sum", "sessions")


@dataclass(frozen=True, slots=True)
class Measure:
    """What is computed: `kind` of `prop` (None where the kind needs none); `quantile` for percentiles."""

    name: str
    kind: str
    prop: str | None = None
    quantile: float | None = None

    @property
    def of_nothing(self) -> int | None:
        """Return the value of an empty bucket: 0 where that is true, else None."""
        return 0 if self.kind in ("count", "sum", "users", "sessions") else None


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one project over start <= ts < end."""

    project_id: int
    measure: Measure
    start: datetime
    end: datetime
    step: Step
    tz: ZoneInfo
    types: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    group_by: tuple[str, ...] = ()
    limit: int = 100

    @property
    def starts(self) -> tuple[datetime, ...]:
        """Return the start of every bucket that the range touches, in UTC."""
        return tuple(self.step.starts(self.start, self.end, self.tz))
