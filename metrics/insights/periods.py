"""Days, weeks and months of a zone, by which persons are looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from metrics.errors import TooManyPoints
from metrics.query.scope import Scope
from metrics.query.steps import STEPS

PERIODS = {"day": STEPS["1d"], "week": STEPS["1w"], "month": STEPS["1mo"]}
#: A year of days: retention's table has half the square of this many values.
_MOST = 366


def edges_of(scope: Scope, period: str) -> tuple[datetime, ...]:
    """Return the edges of the periods that the range touches, but for those that have not begun: at least one's.

    Raises TooManyPoints.
    """
    step = PERIODS[period]
    end = min(scope.end, max(scope.now, scope.start) + timedelta(microseconds=1))
    starts = tuple(islice(step.starts(scope.start, end, scope.tz), _MOST + 1))
    if len(starts) > _MOST:
        raise TooManyPoints(f"That is more than {_MOST} periods; {_longer(scope)}", field="period")
    after = step.starts(starts[-1], starts[-1] + 2 * step.typical, scope.tz)
    return (*starts, list(islice(after, 2))[1])


def _longer(scope: Scope) -> str:
    fits = (name for name, step in PERIODS.items() if (scope.end - scope.start) / step.typical < _MOST - 1)
    name = next(fits, None)
    return f"period={name} would fit." if name else "ask for a shorter range."
