"""`make bench`: measures ingest and prints a table for docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import time

import django

from bench import broker, columns, ingest, memory, single, workload
from bench.instance import Instance, running


def main() -> None:
    """Run everything once, in one go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20_261_123)
    options = parser.parse_args()
    print(f"events {options.events}, batch {options.batch}, seed {options.seed}, cores {os.cpu_count()}")
    load = workload.make(events=options.events, batch=options.batch, seed=options.seed)
    with running() as instance:
        time.sleep(5)
        idle = memory.of_tree(instance.pid)
        print(
            f"| idle memory | {idle.rss_mb:.0f} MB RSS, {idle.pss_mb:.0f} MB PSS, {idle.processes} processes |"
        )
        _single(instance)
        _ingest(instance, load)
    for line in broker.lines(broker.measure(load)):
        print(line)


def _ingest(instance: Instance, load: workload.Workload) -> None:
    found = ingest.measure(instance, _dsn(instance), load)
    print(f"| COPY into an identical table (the limit) | {found.copy_rate:,.0f} events/s |")
    print(f"| Sluice, acknowledged | {found.ack_rate:,.0f} events/s |")
    print(f"| Sluice, first request to last event queryable | {found.queryable_rate:,.0f} events/s |")
    print(f"| ratio | {found.ratio:.2f} |")
    in_columns = columns.measure(instance, load)
    for line in columns.lines(in_columns) if in_columns else ():
        print(line)


def _single(instance: Instance) -> None:
    nothing = single.measure(instance, "/bench/nothing")
    ours = single.measure(instance, "/api/events")
    if nothing is None or ours is None:
        print("| single events | not measured: wrk is not installed |")
        return
    print(f"| DRF view that does nothing | {nothing.rate:,.0f} requests/s, p99 {nothing.p99_ms:.1f} ms |")
    print(
        f"| single events | {ours.rate:,.0f} requests/s, p99 {ours.p99_ms:.1f} ms, {ours.failures} failed |"
    )
    print(f"| ratio | {ours.rate / nothing.rate:.2f} |")


def _dsn(instance: Instance) -> str:
    """Return the connection string of the instance's database."""
    os.environ |= {"DATA_DIR": str(instance.data_dir), "DJANGO_SETTINGS_MODULE": "bench.settings"}
    django.setup()
    from config.lib.postgres import connect

    with connect(name="bench") as connection:
        return connection.info.dsn


if __name__ == "__main__":
    main()
