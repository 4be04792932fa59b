"""A question, understood: every value here is checked and means one thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from metrics.definitions.spec import Definition
from metrics.language.filters import Filter
from metrics.query.steps import Step
from metrics.segments.rules import Segment

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
    """One question about one project over start <= ts < end.

    Windows of a segment's rules end at `now`; without a segment it is the range's end, so that the same question is
    equal to itself a minute later. `definition` is the defined metric that was asked for by its name: measure, types
    and filters are its own.
    """

    project_id: int
    measure: Measure
    start: datetime
    end: datetime
    step: Step
    tz: ZoneInfo
    now: datetime
    types: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    group_by: tuple[str, ...] = ()
    limit: int = 100
    segment: Segment | None = None
    definition: Definition | None = None

    @property
    def starts(self) -> tuple[datetime, ...]:
        """Return the start of every bucket that the range touches, in UTC."""
        return _starts(self.step, self.start, self.end, self.tz)


@lru_cache(maxsize=16)
def _starts(step: Step, start: datetime, end: datetime, tz: ZoneInfo) -> tuple[datetime, ...]:
    """Work the starts out once a question: planning, asking and answering need them, and calendars take time."""
    return tuple(step.starts(start, end, tz))
