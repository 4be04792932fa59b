"""Sets of half-open spans of time: pure functions over (start, end) pairs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

Span = tuple[datetime, datetime]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor(moment: datetime, grain: timedelta) -> datetime:
    """Return the start of the bucket that `moment` lies in."""
    return moment - (moment - _EPOCH) % grain


def ceiling(moment: datetime, grain: timedelta) -> datetime:
    """Return the first edge of a bucket that is not before `moment`."""
    return moment + (_EPOCH - moment) % grain


def merge(spans: Iterable[Span], gap: timedelta = timedelta(0)) -> list[Span]:
    """Return `spans` in order, those that overlap or lie no further apart than `gap` made one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def buckets(spans: Iterable[Span], grain: timedelta, first: datetime, limit: datetime) -> list[Span]:
    """Return the whole buckets that `spans` touch, merged, and of those what lies in first <= t < limit."""
    whole = ((max(floor(start, grain), first), min(ceiling(end, grain), limit)) for start, end in spans)
    return merge((start, end) for start, end in whole if start < end)


def at_most(number: int, spans: list[Span], gap: timedelta) -> list[Span]:
    """Return no more than `number` spans that cover `spans`, joining the nearest first; `gap` is the least tried."""
    while len(spans) > number:
        spans = merge(spans, gap)
        gap *= 2
    return spans
