"""Ranges of whole UTC days, as commands take them."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from events.store.base import Store
from metrics.rollups.base import Rollups

Span = tuple[datetime, datetime]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --from and --to (days, both included)."""
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day, YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day, included")


def span(options: dict[str, Any]) -> dict[str, date | None]:
    """Return the range that a command was given."""
    return {"first": options["first"], "last": options["last"]}


def in_store(
    connection: psycopg.Connection[Any],
    store: Store,
    rollups: Rollups,
    *,
    first: date | None = None,
    last: date | None = None,
) -> list[Span]:
    """Return (start, end) of every day from `first` to `last` whose raw events are all in store, oldest first.

    Other days must not be computed again: their events were dropped, and only the rollups still know them.
    """
    cursor = connection.cursor()
    sealed = rollups.sealed_before(cursor)
    days = sorted({day for partition in store.partitions(cursor) for day in partition.days})
    bounds = [bound for bound in (first, sealed) if bound]
    chosen = (day for day in days if all(day >= bound for bound in bounds) and (last is None or day <= last))
    starts = (datetime.combine(day, time(), UTC) for day in chosen)
    return [(start, start + timedelta(days=1)) for start in starts]
