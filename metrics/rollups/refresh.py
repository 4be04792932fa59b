"""Refreshes continuous aggregates where events came late, and where a policy left a hole."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.rollups.aggregates import DIRECT, IN_ORDER
from metrics.rollups.base import Connection, Cursor
from metrics.rollups.definitions import EVENTS_1M, Rollup
from metrics.rollups.spans import Span, at_most, buckets, floor, merge

logger = logging.getLogger(__name__)
SQL = sqlfile.load(__file__, "refresh.sql")
_LOCK_SPACE = 7304
#: Notes read in one pass; a pass ends after the slice in which its seconds are over, so that others get a turn.
_NOTES, _SECONDS = 10_000, 5.0
#: What is refreshed in one transaction.
_SLICE = timedelta(days=1)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
#: A refresh costs some 20 ms however short its span: beyond these many, near ones are joined.
_REFRESHES = 16
#: A policy that began before an event was stored may yet cover it if it lies this near: of its note that much stays.
_MARGIN = timedelta(minutes=1)
#: Two refreshes at once, of different aggregates too, may want to remove the same note of the extension's: one of
#: them then ends with an internal error, "tuple concurrently deleted".
_IN_THE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.InternalError_)
#: How often, and with which pause in seconds, a rebuild tries to get past a policy.
_PATIENCE, _PAUSE = 240, 0.25


@dataclass(frozen=True, slots=True)
class Reach:
    """From where and up to where an aggregate may be refreshed now, and where a hole may begin, if there is one."""

    first: datetime
    limit: datetime
    hole: datetime | None

    @property
    def gap(self) -> list[Span]:
        """Return the span that may be a hole."""
        return [(self.hole, self.limit)] if self.hole else []


def catch_up(connection: Connection) -> bool:
    """Refresh what was noted and is late; one session at a time does it. False where something is left."""
    row = connection.execute(SQL["lock"], {"space": _LOCK_SPACE}).fetchone()
    if not row or not row[0]:
        return False
    try:
        with _while_nothing_is_dropped(connection):
            return _refresh_noted(connection)
    except _IN_THE_WAY as error:
        logger.info("a refresh waits for another: %s", error)
        return False
    finally:
        if not connection.closed:
            connection.execute(SQL["unlock"], {"space": _LOCK_SPACE})


def rebuild(connection: Connection, start: datetime, end: datetime) -> None:
    """Compute the buckets of start <= t < end again, changed or not; waits for policies that are at work."""
    with _while_nothing_is_dropped(connection):
        first = _reach(connection, EVENTS_1M).first
        for rollup in IN_ORDER:
            limit = _reach(connection, rollup).limit
            for span in buckets([(start, end)], rollup.grain, first, limit):
                _patiently(connection, rollup, span)


def keep_out(cursor: Cursor) -> None:
    """Wait for refreshes of ours that are at work, and let none begin until the transaction ends."""
    cursor.execute(SQL["keep_out"], {"space": _LOCK_SPACE})


@contextmanager
def _while_nothing_is_dropped(connection: Connection) -> Iterator[None]:
    """Keep raw events from being dropped meanwhile: refreshed without them, an aggregate would lose what it says."""
    connection.execute(SQL["quieten"])
    connection.execute(SQL["keep_still"], {"space": _LOCK_SPACE})
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(SQL["let_go"], {"space": _LOCK_SPACE})


def _refresh_noted(connection: Connection) -> bool:
    """Refresh what the oldest notes say, slice by slice; return whether that was all."""
    notes: dict[int, list[Span]] = {}
    for ident, start, end in connection.execute(SQL["stale"], {"limit": _NOTES}).fetchall():
        notes.setdefault(ident, []).append((start, end))
    spans = merge(span for noted in notes.values() for span in noted)
    reaches = {rollup: _reach(connection, rollup) for rollup in IN_ORDER}
    if not _refresh_slices(connection, list(notes), spans, reaches):
        return False
    for rollup, reach in reaches.items():
        if reach.hole:
            connection.execute(SQL["is_closed"], {"relation": rollup.relation, "until": reach.limit})
    near = reaches[EVENTS_1M].limit + EVENTS_1M.grain + _MARGIN
    connection.execute(SQL["forget_far"], {"ids": list(notes), "near": near})
    connection.execute(SQL["forget"])
    connection.execute(SQL["follow"])
    return len(notes) < _NOTES


def _refresh_slices(
    connection: Connection, ids: Sequence[int], spans: list[Span], reaches: dict[Rollup, Reach]
) -> bool:
    """Refresh what is late of `spans` and of every hole, and shorten the notes by it; False when time is over."""
    limit = reaches[EVENTS_1M].limit
    holes = [span for reach in reaches.values() for span in reach.gap]
    started = time.monotonic()
    first = min(reach.first for reach in reaches.values())
    for start, end in _slices(merge([*spans, *holes]), first, limit):
        if time.monotonic() - started > _SECONDS:
            return False
        for rollup in IN_ORDER:
            _refresh(connection, rollup, [*spans, *reaches[rollup].gap], (start, end))
        connection.execute(SQL["shorten"], {"ids": ids, "start": start, "end": min(end, limit)})
    return True


def _slices(spans: list[Span], first: datetime, limit: datetime) -> Iterator[Span]:
    """Yield slices of whole days that hold what of `spans` may be refreshed, oldest first."""
    done = first
    for start, end in buckets(spans, EVENTS_1M.grain, first, limit):
        at = max(floor(start, _SLICE), done)
        while at < end:
            done = floor(at, _SLICE) + _SLICE
            yield at, done
            at = done


def _refresh(connection: Connection, rollup: Rollup, spans: list[Span], part: Span) -> None:
    """Refresh one aggregate where `spans` are late, within `part`, which begins and ends with a day.

    How far it may go is asked anew: a coarser bucket may have ended while the finer ones were refreshed.
    """
    reach = _reach(connection, rollup)
    due = buckets(spans, rollup.grain, max(reach.first, part[0]), min(reach.limit, part[1]))
    for span in at_most(_REFRESHES, due, rollup.grain):
        _call(connection, rollup, span)


def _patiently(connection: Connection, rollup: Rollup, span: Span) -> None:
    """Force a refresh, again and again while another refresh of the aggregate is in the way."""
    for attempt in range(_PATIENCE):
        try:
            return _call(connection, rollup, span, forced=True)
        except _IN_THE_WAY:
            if attempt == _PATIENCE - 1:
                raise
            time.sleep(_PAUSE)


def _call(connection: Connection, rollup: Rollup, span: Span, *, forced: bool = False) -> None:
    batched = connection.execute(SQL["arguments"]).fetchone() is not None
    how = SQL["forced"] * forced + SQL["in_one_pass"] * batched
    query: Any = sql.SQL(SQL["refresh"]).format(how=sql.SQL(how))
    connection.execute(query, {"relation": rollup.relation, "start": span[0], "end": span[1]})


def _reach(connection: Connection, rollup: Rollup) -> Reach:
    row = connection.execute(SQL["clock"], {"relation": rollup.relation}).fetchone()
    assert row
    sealed, upto, refreshed_until, behind = row
    # What is computed from other aggregates may be computed again at any time.
    first = sealed if rollup in DIRECT else _FIRST
    return Reach(first, floor(upto, rollup.grain), refreshed_until if behind else None)
