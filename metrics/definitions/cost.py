"""What definitions cost ingest, in points: one is about a hundredth of what a claim costs without any.

`python -m bench.definitions` measures it. All that a project defines has `BUDGET` points together, so a claim takes at
most a third longer: a quarter of the throughput.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metrics.definitions.spec import PERCENTILE, USERS

BUDGET = 24
_OF_MEASURES = {PERCENTILE: 8}
_OF_OTHERS, _OF_FILTERS = 1, 1
#: Users are entered one by one: of all events, or of some.
_OF_ALL_USERS, _OF_USERS = 24, 20
#: What a dimension pays for in advance: so many groups a day.
_OF_DIMENSION = 4
GROUPS_A_POINT = 40


def base_cost(measure: str, match: Mapping[str, Any]) -> int:
    """Return what a definition costs that has one group; `match` is as `EventMatch.wire` writes it."""
    if measure == USERS:
        return _OF_USERS if match.get("type") or match.get("filters") else _OF_ALL_USERS
    return _OF_MEASURES.get(measure, _OF_OTHERS) + (_OF_FILTERS if match.get("filters") else 0)


def cost(measure: str, match: Mapping[str, Any], dimensions: int) -> int:
    """Return what a definition must be able to pay when it is made."""
    return base_cost(measure, match) + _OF_DIMENSION * dimensions
