"""What definitions cost ingest, in points: one is about a hundredth of what a claim costs without any.

`python -m bench.definitions` measures it. All that a project defines has DEFINITION_POINTS together: with 30, a claim
takes at most a third longer, and throughput is three quarters of what it is without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from metrics.definitions.spec import PERCENTILE, USERS

#: Users are entered one by one, numbers of a percentile into bins.
_OF_MEASURES = {PERCENTILE: 4, USERS: 10}
_OF_OTHERS, _OF_FILTERS, _OF_ALL_USERS = 1, 1, 12
#: What a dimension pays for in advance: so many groups a day.
_OF_DIMENSION = 2
GROUPS_A_POINT = 40


def budget() -> int:
    """Return the points that one project's definitions may cost together."""
    return int(settings.DEFINITION_POINTS)


def base_cost(measure: str, match: Mapping[str, Any]) -> int:
    """Return what a definition costs that has one group; `match` is as `EventMatch.wire` writes it."""
    if measure == USERS and not (match.get("type") or match.get("filters")):
        return _OF_ALL_USERS
    return _OF_MEASURES.get(measure, _OF_OTHERS) + (_OF_FILTERS if match.get("filters") else 0)


def cost(measure: str, match: Mapping[str, Any], dimensions: int) -> int:
    """Return what a definition must be able to pay when it is made."""
    return base_cost(measure, match) + _OF_DIMENSION * dimensions
