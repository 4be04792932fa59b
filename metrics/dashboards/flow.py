"""The pipeline page's figures: dead letters and throughput of the project, the rest of the installation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.lib.clock import now
from dlq.selectors import count_by_reason
from events.contracts import Depth
from events.reasons import Outcome
from events.selectors import ack_latency, bus_depth, spool_depth, throughput
from metrics.dashboards import figures
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
    """The page's figures, formatted. `chart` is JSON for `static/js/chart.js`."""

    chart: str
    last_hour: str
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
        last_hour=figures.short(sum(events for _, _, events in counts)),
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


def _chart(counts: list[tuple[datetime, str, int]], moment: datetime) -> str:
    """Return the last hour by minute and outcome; a minute without events is 0, an outcome without any is left out."""
    first = moment.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    minutes = [first + timedelta(minutes=number) for number in range(MINUTES)]
    found = {(minute, outcome): events for minute, outcome, events in counts}
    values = {key: [found.get((minute, key), 0) for minute in minutes] for key in _LABELS}
    series = [
        {"key": key.value, "label": label, "values": values[key]}
        for key, label in _LABELS.items()
        if any(values[key]) or key is Outcome.STORED
    ]
    times = [int(minute.timestamp()) for minute in minutes]
    return json.dumps({"times": times, "series": series, "step": "1m"})
