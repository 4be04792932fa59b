"""What sessions are, computed from scratch in plain Python. Shares no code with the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

GAP = timedelta(minutes=30)
#: user, start, end, events
SessionRow = tuple[str, datetime, datetime, int]


def sessions_of(visits: Iterable[tuple[str, datetime]]) -> set[SessionRow]:
    """Return the sessions of (user, time) pairs: a pause strictly longer than the gap starts a new one."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for user, ts in visits:
        times[user].append(ts)
    found = set()
    for user, moments in times.items():
        moments.sort()
        first = 0
        for place, moment in enumerate(moments):
            if place + 1 == len(moments) or moments[place + 1] - moment > GAP:
                found.add((user, moments[first], moment, place + 1 - first))
                first = place + 1
    return found
