"""Ranges of whole UTC days, as commands take them."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from events.store.base import Store

Span = tuple[datetime, datetime]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --from and --to (days, both included)."""
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day, YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day, included")


def span(options: dict[str, Any]) -> dict[str, date | None]:
    """Return the range that a command was given."""
    return {"first": options["first"], "last": options["last"]}


def in_store(
    connection: psycopg.Connection[Any], store: Store, *, first: date | None, last: date | None
) -> list[Span]:
    """Return (start, end) of every day from `first` to `last` whose raw events are in store, oldest first.

    Other days must not be computed again: their events are gone, and only the rollups still know them.
    """
    days = sorted(partition.day for partition in store.partitions(connection.cursor()))
    chosen = (day for day in days if (first is None or day >= first) and (last is None or day <= last))
    starts = (datetime.combine(day, time(), UTC) for day in chosen)
    return [(start, start + timedelta(days=1)) for start in starts]
