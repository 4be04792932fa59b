"""What sessions are, computed from scratch in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

GAP = timedelta(minutes=30)
#: user, start, end, events
SessionRow = tuple[str, datetime, datetime, int]


def sessions_of(events: Iterable[tuple[str, datetime]], gap: timedelta = GAP) -> list[SessionRow]:
    """Return the sessions of (user, time) pairs, sorted: a pause strictly longer than `gap` starts a new one."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for user, ts in events:
        times[user].append(ts)
    found = []
    for user, moments in times.items():
        moments.sort()
        first = 0
        for place, moment in enumerate(moments):
            last = place + 1 == len(moments)
            if last or moments[place + 1] - moment > gap:
                found.append((user, moments[first], moment, place + 1 - first))
                first = place + 1
    return sorted(found)
