"""What defined metrics cost ingest: `python -m bench.definitions`, in minutes; it starts a server of its own.

A processor stores the same events again and again, with no definition and with each kind, in turns, so that what the
machine does meanwhile falls on all of them alike. Each ratio is the median of those within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

#: What a shop would define; its events are those of `bench.workload`.
KINDS: dict[str, dict[str, Any]] = {
    "count": {"measure": "count", "match": {"type": "page_view", "filters": ["props.device:eq:phone"]}},
    "sum by dimension": {"measure": "sum", "property": "props.amount", "dimensions": ["props.country"]},
    "p95": {"measure": "p95", "property": "props.amount", "match": "product_view"},
    "users": {"measure": "users", "match": "page_view"},
}
CASES: dict[str, list[dict[str, Any]]] = {
    "none": [],
    **{name: [body] for name, body in KINDS.items()},
    "all four": list(KINDS.values()),
    # Each of these spends the points of `metrics.definitions.cost`, or the groups that it allows.
    "at the cap: 30 counts": [{}] * 30,
    "at the cap: 7 sums by dimension, with filters": [
        {**KINDS["sum by dimension"], "match": {"filters": [f"props.amount:gt:{n}"]}} for n in range(7)
    ],
    "at the cap: 2 times 500 groups": [{**KINDS["sum by dimension"], "dimensions": ["props.path"]}] * 2,
    "at the cap: 7 p95 of all": [{**KINDS["p95"], "match": {}}] * 7,
    "at the cap: users of 3 types": [
        {"measure": "users", "match": one} for one in ("page_view", "product_view", "add_to_cart")
    ],
    "at the cap: 2 times users of all events, 6 counts": [*[{"measure": "users"}] * 2, *[{}] * 6],
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="events of each measurement")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the embedded server may run as a user of its own
        os.environ |= {"DATA_DIR": folder, "LOG_LEVEL": "WARNING"}
        os.environ.pop("DATABASE_URL", None)
        _with_server(Path(folder), options.events, options.rounds)


def _with_server(folder: Path, events: int, rounds: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from config import embedded
    from tests.support.database import TestServer

    # Nothing that a test may spare: synced, as in production.
    server = TestServer(folder, {})
    server.start()
    try:
        with psycopg.connect(embedded.database_url(folder, "postgres"), autocommit=True) as link:
            link.execute(f"CREATE DATABASE {embedded.DATABASE}")
        call_command("migrate", verbosity=0)
        _report(*_measured(events, rounds), events)
    finally:
        server.stop()


Taken = dict[str, list[float]]


def _measured(events: int, rounds: int) -> tuple[Taken, Taken]:
    """Return by case the seconds, and those of CPU, one a round."""
    from config import engine

    consumer, pipeline = engine.processor()
    projects = {name: _project(wanted) for name, wanted in CASES.items()}
    seconds: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    for turn in range(-1, rounds):
        order = list(CASES)
        Random(turn).shuffle(order)
        for name in order:
            _append(projects[name], events, seed=turn)
            began, burnt = time.perf_counter(), _cpu(pipeline)
            while ids := consumer.claim(10_000):
                pipeline.run(ids)
            if turn >= 0:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
                cpu[name].append(_cpu(pipeline) - burnt)
    consumer.close()
    pipeline.close()
    return seconds, cpu


def _cpu(pipeline: Any) -> float:
    """Return the CPU seconds that this process and its server process have had: others do not count."""
    server = psutil.Process(pipeline._connection.info.backend_pid).cpu_times()
    return time.process_time() + server.user + server.system


def _project(wanted: list[dict[str, Any]]) -> int:
    from events.models import Project
    from metrics.definitions.parse import read_definition
    from metrics.definitions.services import create

    project = Project.objects.create(slug=uuid.uuid4().hex).pk
    for number, one in enumerate(wanted):
        body = {"name": f"m{number}", **one}
        create(project_id=project, wanted=read_definition(body), by="bench")
    return project


def _append(project: int, events: int, *, seed: int) -> None:
    """Put events of ten minutes on the bus, as a busy site's live ones are, in batches of 500."""
    from bench.workload import _event
    from config import engine
    from events.contracts import Batch, Lane

    random = Random(seed * 1000 + project)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    for first in range(0, events, 500):
        pairs = [
            _event(random, start + timedelta(minutes=10) * (n / events)) for n in range(first, first + 500)
        ]
        rows = b"".join(row.replace(b"1\t", b"%d\t" % project, 1) for _, row in pairs)
        engine.bus().append(Batch(project, Lane.LIVE, len(pairs), rows))


def _report(seconds: Taken, cpu: Taken, events: int) -> None:
    print(f"{events:,} events a measurement, one processor\n")
    print("| definitions | events/s | of ingest without | by CPU time |")
    print("| --- | --- | --- | --- |")
    for name in CASES:
        rate = events / statistics.median(seconds[name])
        print(f"| {name} | {rate:,.0f} | {_share(seconds, name):.0%} | {_share(cpu, name):.0%} |")


def _share(taken: Taken, name: str) -> float:
    """Return what is left of the throughput: the median of the rounds."""
    return statistics.median(none / mine for none, mine in zip(taken["none"], taken[name], strict=True))


if __name__ == "__main__":
    main()
