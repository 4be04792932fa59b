"""Stored days as the pipeline page lists them: what is ahead, the newest one by one, the older ones together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.template.defaultfilters import filesizeformat

from config.engine import level
from events.selectors import Stored, partitions
from events.store.base import Partition, ratio_of
from metrics.dashboards import figures
from metrics.dashboards.operations import Action, Limits, label, last_day, limits

#: How many partitions are listed one by one.
LISTED = 14


@dataclass(frozen=True)
class Line:
    """One partition, or several together; `events` are the project's, `rows` and `bytes` those of all projects.

    `columns` says whether it lies in columns, and how many times smaller that made it; `actions` are what can be
    done with the partition that begins on `day`, and what that is called.
    """

    label: str
    events: str
    rows: str
    bytes: int
    columns: str
    day: date
    actions: tuple[tuple[Action, str], ...] = ()


@dataclass(frozen=True)
class Storage:
    """What is in store. `totals` are (name, value) pairs about all projects."""

    lines: tuple[Line, ...]
    ahead: Line | None
    older: Line | None
    has_columns: bool
    totals: tuple[tuple[str, str], ...]


def read_storage(*, project_id: int, everything: bool) -> Storage:
    """Read what is in store; with `everything` older partitions are listed one by one too."""
    bounds, found = limits(), partitions(project_id=project_id)
    ahead = [one for one in found if one.partition.start > bounds.today]
    stored = found[len(ahead) :]
    listed = len(stored) if everything else LISTED
    return Storage(
        lines=tuple(_line(one, bounds) for one in stored[:listed]),
        ahead=_together(ahead, "{} ahead"),
        older=_together(stored[listed:], "older {}"),
        has_columns=bounds.can_compress,
        totals=_totals([one.partition for one in found], bounds),
    )


def _line(stored: Stored, bounds: Limits) -> Line:
    partition = stored.partition
    return Line(
        label=figures.days(partition.day, last_day(partition)),
        events=figures.short(stored.events),
        # An estimate that lags behind is not shown below what is known.
        rows=figures.short(max(partition.rows, stored.events)),
        bytes=partition.bytes,
        columns=_columns(partition),
        day=partition.day,
        actions=tuple(
            (action, label(action, partition)) for action in Action if not bounds.refusal(action, partition)
        ),
    )


def _together(rest: Sequence[Stored], named: str) -> Line | None:
    """Return the sum of the partitions that have no line of their own."""
    if not rest:
        return None
    days = sum(len(list(one.partition.days)) for one in rest)
    compressed = sum(one.partition.compressed for one in rest)
    return Line(
        label=f"{figures.full(days)} {named.format('day' if days == 1 else 'days')}",
        events=figures.short(sum(one.events for one in rest)),
        rows=figures.short(sum(max(one.partition.rows, one.events) for one in rest)),
        bytes=sum(one.partition.bytes for one in rest),
        columns=f"{compressed} of {len(rest)}" if compressed else "",
        day=rest[0].partition.day,
    )


def _columns(partition: Partition) -> str:
    """Return how many times smaller it is; of what was stored as columns at once that is not known."""
    if not partition.compressed:
        return ""
    return f"{partition.ratio:.1f}×" if partition.ratio else "yes"


def _totals(found: Sequence[Partition], bounds: Limits) -> tuple[tuple[str, str], ...]:
    """Return the figures of the whole store."""
    columns = [one for one in found if one.compressed]
    totals = [("Engine", str(level())), ("Partitions", figures.full(len(found)))]
    totals.append(("Rows", "about " + figures.short(sum(max(one.rows, 0) for one in found))))
    totals.append(("Size", filesizeformat(sum(one.bytes for one in found))))
    if bounds.can_compress:
        totals.append(("In columns", f"{len(columns)} of {len(found)}"))
    if ratio := ratio_of(columns):
        totals.append(("Smaller by", f"{ratio:.1f}×"))
    return tuple(totals)
