"""Half-open spans of time: pure functions over (start, end) pairs, and what to read a span from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from metrics.rollups.definitions import Rollup

Span = tuple[datetime, datetime]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Earlier than every event, and an edge of every bucket.
BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)


def floor(moment: datetime, grain: timedelta) -> datetime:
    """Return the start of the bucket that `moment` lies in."""
    return moment - (moment - _EPOCH) % grain


def ceiling(moment: datetime, grain: timedelta) -> datetime:
    """Return the first edge of a bucket that is not before `moment`."""
    return moment + (_EPOCH - moment) % grain


def cover(
    start: datetime, end: datetime, rollups: Sequence[Rollup]
) -> Iterator[tuple[Rollup | None, datetime, datetime]]:
    """Yield what start <= t < end is read from, in order: the middle from the coarsest, the edges raw (None).

    `rollups` are coarsest first, and a coarser one's edges are edges of the finer ones.
    """
    if start >= end:
        return
    if not rollups:
        yield None, start, end
        return
    coarsest, finer = rollups[0], rollups[1:]
    first, last = ceiling(start, coarsest.grain), floor(end, coarsest.grain)
    if first >= last:
        yield from cover(start, end, finer)
        return
    yield from cover(start, first, finer)
    yield coarsest, first, last
    yield from cover(last, end, finer)


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
