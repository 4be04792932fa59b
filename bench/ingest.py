"""One million events in batches over HTTP, beside a bare COPY into a table like `event`."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from dataclasses import dataclass

import psycopg

from bench.instance import Instance
from bench.workload import Workload, chunks

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Ingest:
    """Events a second: the limit, acknowledged, and queryable; the first request to the last event."""

    copy_rate: float
    ack_rate: float
    queryable_rate: float

    @property
    def ratio(self) -> float:
        """Return Sluice's rate as a share of the limit."""
        return self.queryable_rate / self.copy_rate


def measure(instance: Instance, dsn: str, load: Workload) -> Ingest:
    """Measure the limit, then Sluice, on the same server."""
    copied = copy_rate(dsn, load)
    started = time.perf_counter()
    send(instance, load.bodies)
    acked = time.perf_counter()
    wait_until_queryable(instance, load)
    done = time.perf_counter()
    return Ingest(copied, load.events / (acked - started), load.events / (done - started))


def copy_rate(dsn: str, load: Workload) -> float:
    """COPY the same rows into a table with the same partitions and indexes; return rows a second.

    On TimescaleDB that is a bare hypertable: nothing is aggregated from it, nothing is compressed.
    """
    with psycopg.connect(dsn) as connection:
        if connection.execute(
            "SELECT relkind = 'p' FROM pg_class WHERE oid = 'event'::regclass"
        ).fetchone() == (True,):
            _make_partitioned(connection)
        else:
            _make_hypertable(connection)
        _assert_same_indexes(connection)
        connection.commit()
        started = time.perf_counter()
        with connection.cursor().copy("COPY bench_event FROM STDIN") as copy:
            for chunk in chunks(load.rows):
                copy.write(chunk)
        connection.commit()
        seconds = time.perf_counter() - started
        connection.execute("DROP TABLE bench_event")
    return load.events / seconds


def _make_partitioned(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("CREATE TABLE bench_event (LIKE event INCLUDING ALL) PARTITION BY RANGE (ts)")
    for row in connection.execute(
        "SELECT pg_get_expr(relpartbound, oid), relname FROM pg_class JOIN pg_inherits ON oid = inhrelid "
        "WHERE inhparent = 'event'::regclass"
    ).fetchall():
        connection.execute(f"CREATE TABLE bench_{row[1]} PARTITION OF bench_event {row[0]}")


def _make_hypertable(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("CREATE TABLE bench_event (LIKE event INCLUDING ALL)")
    connection.execute(
        "SELECT create_hypertable('bench_event', by_range('ts', interval '1 day'), create_default_indexes => false)"
    )


def _assert_same_indexes(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Refuse to measure a limit that is not one: the copy has to keep as many indexes as the store."""
    counts = connection.execute(
        "SELECT count(*) FROM pg_index WHERE indrelid IN ('event'::regclass, 'bench_event'::regclass) "
        "GROUP BY indrelid"
    ).fetchall()
    if len(counts) != 2 or counts[0] != counts[1]:
        raise RuntimeError(f"the tables differ in their indexes: {counts}")


def send(instance: Instance, bodies: list[bytes]) -> None:
    """Send every body, over a few connections; any answer but 202 ends the benchmark."""
    todo: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        todo.put(body)
    problems: list[str] = []
    senders = [threading.Thread(target=_sender, args=(instance, todo, problems)) for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if problems:
        raise RuntimeError(problems[0])


def _sender(instance: Instance, todo: queue.SimpleQueue[bytes], problems: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=30)
    headers = {"Authorization": f"Bearer {instance.write_key}", "Content-Type": "application/json"}
    while not problems:
        try:
            body = todo.get_nowait()
        except queue.Empty:
            break
        connection.request("POST", "/api/events", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            problems.append(f"{answer.status} {text[:500]!r}")
    connection.close()


def wait_until_queryable(instance: Instance, load: Workload) -> None:
    """Ask until every event is counted. Each question differs a little, so that none is answered from a cache.

    Between two of them it waits for as long as one took: asking must not become the load.
    """
    deadline = time.monotonic() + 600
    span = f"{load.start:%Y-%m-%dT%H:%M:%SZ}/{load.end:%Y-%m-%dT%H:%M:%SZ}"
    for limit in range(1, 100_000):
        asked = time.monotonic()
        series = instance.ask(metric="count", range=span, step="1h", limit=str(limit % 1000 + 1))["series"]
        if series[0]["total"] >= load.events:  # type: ignore[index]
            return
        if time.monotonic() > deadline:
            raise RuntimeError("not every event became queryable")
        time.sleep(max(0.05, time.monotonic() - asked))
