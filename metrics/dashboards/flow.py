"""The pipeline page's figures: dead letters and throughput of the project, the rest of the installation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from config.lib.clock import now
from dlq.selectors import count_by_reason
from events.contracts import Depth
from events.reasons import Outcome
from events.selectors import ack_latency, bus_depth, spool_depth, throughput
from metrics.dashboards import figures
from metrics.dashboards.charts import Chart, Line
from sessions.selectors import waiting

MINUTES = 60
_LABELS = {
    Outcome.STORED: "Stored",
    Outcome.DUPLICATE: "Duplicates",
    Outcome.CONFLICT: "Conflicts",
    Outcome.DEAD: "Dead letters",
}


@dataclass(frozen=True)
class Flow:
    """The page's figures, formatted."""

    chart: Chart
    p50: str
    p99: str
    requests: str
    waiting_events: str
    waiting_bytes: int
    oldest: str
    spooled: str
    sessions_waiting: str
    dead: tuple[tuple[str, str], ...]
    as_of: datetime


def read_flow(*, project_id: int) -> Flow:
    """Read every figure once."""
    latency, depth, moment = ack_latency(), bus_depth(), now()
    counts = throughput(project_id=project_id, minutes=MINUTES)
    return Flow(
        chart=_chart(counts, moment),
        p50=figures.milliseconds(latency.p50_ms),
        p99=figures.milliseconds(latency.p99_ms),
        requests=figures.short(latency.requests),
        waiting_events=figures.short(depth.events),
        waiting_bytes=depth.bytes,
        oldest=_age(depth),
        spooled=_spooled(),
        sessions_waiting=figures.short(waiting()),
        dead=tuple((reason, figures.full(count)) for reason, count in count_by_reason(project_id)),
        as_of=moment,
    )


def _spooled() -> str:
    """Say what waits on this host's disk, and whether files of it were damaged; "" where there is nothing to say."""
    depth = spool_depth()
    waits = (
        f"{figures.full(depth.events)} events wait on disk for the bus to come back" if depth.events else ""
    )
    lost = f"{depth.damaged_files} damaged files of the spool were set aside" if depth.damaged_files else ""
    return "; ".join(filter(None, (waits, lost)))


def _age(depth: Depth) -> str:
    return figures.duration(depth.oldest_seconds) if depth.events else "–"


def _chart(counts: list[tuple[datetime, str, int]], moment: datetime) -> Chart:
    """Return the last hour by minute and outcome; a minute without events is 0, an outcome without any is left out."""
    first = moment.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    minutes = tuple(first + timedelta(minutes=number) for number in range(MINUTES))
    found = {(minute, outcome): events for minute, outcome, events in counts}
    values = {key: tuple(found.get((minute, key), 0) for minute in minutes) for key in _LABELS}
    lines = tuple(
        Line(key.value, label, values[key], ink=key.value)
        for key, label in _LABELS.items()
        if any(values[key]) or key is Outcome.STORED
    )
    last_hour = figures.short(sum(events for _, _, events in counts))
    note = f"last hour: {last_hour}"
    return Chart("outcomes", "Events a minute, by outcome", minutes, lines, "stacked", "1m", note=note)
