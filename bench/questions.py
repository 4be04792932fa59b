"""What questions cost: `python -m bench.questions`, about an hour with 20,000,000 events; `--events` for less.

It starts an instance of its own, fills it with a history over 90 days (`bench/history.py` says how), asks each question
of the table as nobody had asked it before (cold: nothing of the answer is kept; the range moves by a day each time) and
again (warm), and last sends events while 50 heavy questions are asked at once.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import django

from bench.asking import Row, Times, measure, median_and_p99
from bench.beside import Storm, acknowledgements
from bench.history import fill, timed
from bench.instance import Instance, running

_METRICS = "/api/metrics"
_FUNNEL = {"step": ["page_view", "add_to_cart", "purchase"], "window": "1d"}
ROWS = (
    Row(
        "overview page, 30 days",
        30,
        [
            (_METRICS, {"metric": "count", "step": "1d"}),
            (_METRICS, {"metric": "users", "step": "1d"}),
            (_METRICS, {"metric": "sessions", "step": "1d"}),
            (_METRICS, {"metric": "count", "groupBy": "type", "limit": "10"}),
        ],
        rounds=20,
    ),
    Row("defined count by day, 90 days", 90, [(_METRICS, {"metric": "purchases", "step": "1d"})], shift=0),
    Row(
        "the same by country",
        90,
        [(_METRICS, {"metric": "purchases", "step": "1d", "groupBy": "props.country"})],
        shift=0,
    ),
    Row("defined users by day, 90 days", 90, [(_METRICS, {"metric": "shoppers", "step": "1d"})], shift=0),
    Row("users by day, 90 days", 90, [(_METRICS, {"metric": "users", "step": "1d"})], shift=0, rounds=20),
    Row("defined p95 by hour, 7 days", 7, [(_METRICS, {"metric": "amounts", "step": "1h"})], rounds=20),
    Row(
        "p95 by hour, 24 hours, raw",
        1,
        [(_METRICS, {"metric": "p95:props.amount", "type": "page_view", "step": "1h"})],
        rounds=20,
    ),
    Row(
        "breakdown by a property, 24 hours, raw",
        1,
        [
            (
                _METRICS,
                {"metric": "count", "groupBy": "props.path", "step": "1h", "filter": "props.device:eq:phone"},
            )
        ],
        rounds=20,
    ),
    Row("funnel of 3 steps, 7 days", 7, [("/api/funnels", _FUNNEL)], rounds=20),
    Row("retention by week, 8 weeks", 56, [("/api/retention", {"period": "week"})], shift=7, rounds=5),
    Row(
        "retention of purchases, 8 weeks, raw",
        56,
        [("/api/retention", {"period": "week", "first": "purchase", "return": "purchase"})],
        shift=7,
        rounds=5,
    ),
    Row("lifecycle by week, 8 weeks", 56, [("/api/lifecycle", {"period": "week"})], shift=7, rounds=5),
)


def main() -> None:
    """Fill, ask, and ask while events come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument(
        "--rounds",
        type=int,
        default=100,
        help="cold questions of a row, 20 of slow ones; twice as many of each warm",
    )
    parser.add_argument("--clients", type=int, default=50, help="heavy questions at once")
    parser.add_argument("--seconds", type=float, default=30, help="of ingest, without them and with them")
    parser.add_argument("--seed", type=float, default=0.5)
    parser.add_argument("--folder", help="keep the history here, or ask the one that is here")
    options = parser.parse_args()
    with running(options.folder) as instance:
        end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        first = end - timedelta(days=options.days)
        stored = _fill(instance, options, first)
        print(f"\n{stored:,} events over {options.days} days, {os.cpu_count()} cores\n")
        print("| question | asked | cold p50 | cold p99 | warm p50 | warm p99 | read from |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for row in ROWS:
            times = measure(instance.port, instance.read_key, row, end=end, rounds=options.rounds)
            print(_line(row, times), flush=True)
        for line in _beside(instance, options, end):
            print(line, flush=True)


def _fill(instance: Instance, options: argparse.Namespace, first: datetime) -> int:
    os.environ |= {"DATA_DIR": str(instance.data_dir), "DJANGO_SETTINGS_MODULE": "bench.settings"}
    django.setup()
    from events.models import Project

    project = Project.objects.get(
        slug=json.loads((instance.data_dir / "dev-keys.json").read_text())["project"]
    )
    with timed("all of it"):
        return fill(
            project_id=project.pk,
            events=options.events,
            first=first,
            days=options.days,
            users=options.users,
            seed=options.seed,
        )


def _line(row: Row, times: Times) -> str:
    cold = "{:,.1f} ms | {:,.1f} ms".format(*median_and_p99(times.cold))
    warm = "{:,.1f} ms | {:,.1f} ms".format(*median_and_p99(times.warm)) if times.warm else "- | -"
    failed = f", {times.failed} of {len(times.cold)} took too long" if times.failed else ""
    return f"| {row.name}{failed} | {len(times.cold)} | {cold} | {warm} | `{times.source}` |"


def _beside(instance: Instance, options: argparse.Namespace, end: datetime) -> Iterator[str]:
    base = acknowledgements(instance.port, instance.write_key, options.seconds)
    with Storm(instance.port, instance.read_key, clients=options.clients, end=end) as storm:
        time.sleep(3)  # until they are all at it
        beside = acknowledgements(instance.port, instance.write_key, options.seconds)
    (alone, alone_p99), (among, among_p99) = median_and_p99(base), median_and_p99(beside)
    yield "\n| ingest, 2,000 events/s in batches of 50 | p50 | p99 |\n| --- | --- | --- |"
    yield f"| alone | {alone:.1f} ms | {alone_p99:.1f} ms |"
    yield f"| beside {options.clients} heavy questions at once | {among:.1f} ms | {among_p99:.1f} ms |"
    yield f"| ratio | {among / alone:.2f} | {among_p99 / alone_p99:.2f} |"
    yield f"\nanswers to the heavy questions by status: {dict(sorted(storm.statuses.items()))}"


if __name__ == "__main__":
    main()
