"""A broker as the bus beside the Postgres inbox: the same events over HTTP, one instance after the other."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import ingest, workload
from bench.instance import running


@dataclass(frozen=True, slots=True)
class Rates:
    """Events a second: acknowledged, and from the first request to the last event queryable."""

    acknowledged: float
    queryable: float


def measure(load: workload.Workload) -> dict[str, Rates] | None:
    """Measure both buses; None where no RabbitMQ can be started. The Postgres bus is measured before and after.

    Of its two measurements the better one counts, so that a machine that warms up or slows down flatters nobody.
    """
    # The node's settings are of the tests'; they read the product's.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    from tests.support.rabbitmq import RabbitMQ, missing

    if missing():
        return None
    node = RabbitMQ()
    try:
        before = _rates(load, "postgres://")
        node.start()
        broker = _rates(load, node.url)
        node.stop()
        after = _rates(load, "postgres://")
    finally:
        node.stop(remove=True)
    return {"postgres": max(before, after, key=lambda one: one.queryable), "rabbitmq": broker}


def lines(found: dict[str, Rates] | None) -> Iterator[str]:
    """Yield the table's rows."""
    if found is None:
        yield "| a broker as the bus | not measured: rabbitmq-server is not installed |"
        return
    for name, rates in found.items():
        yield f"| bus {name}, acknowledged | {rates.acknowledged:,.0f} events/s |"
        yield f"| bus {name}, first request to last event queryable | {rates.queryable:,.0f} events/s |"
    yield f"| ratio, acknowledged | {found['rabbitmq'].acknowledged / found['postgres'].acknowledged:.2f} |"
    yield f"| ratio, queryable | {found['rabbitmq'].queryable / found['postgres'].queryable:.2f} |"


def _rates(load: workload.Workload, bus: str) -> Rates:
    with running(EVENT_BUS_URL=bus) as instance:
        started = time.perf_counter()
        ingest.send(instance, load.bodies)
        acknowledged = time.perf_counter()
        ingest.wait_until_queryable(instance, load)
        done = time.perf_counter()
    return Rates(load.events / (acknowledged - started), load.events / (done - started))


def main() -> None:
    """Measure the buses alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    for line in lines(measure(workload.make(events=options.events, batch=options.batch, seed=1))):
        print(line)


if __name__ == "__main__":
    main()
