"""What aggregates and columns cost and give, where the engine has them: refreshes, sizes, answers before and after."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

from bench.instance import Instance
from bench.workload import Workload

#: Times that each question is asked; the median counts.
ROUNDS = 9
_LIMITS = count(10)
#: What is asked, over the whole run: from aggregates, and from the raw events.
QUESTIONS = {
    "count by type, 1h": {"metric": "count", "groupBy": "type", "step": "1h"},
    "count, 1m": {"metric": "count", "step": "1m"},
    "users, 1h": {"metric": "users", "step": "1h"},
    "count where country is DE (raw)": {"metric": "count", "filter": "props.country:eq:DE", "step": "1h"},
    "p95 of amount of one type (raw)": {"metric": "p95:props.amount", "type": "purchase", "step": "1h"},
    "users by type (raw)": {"metric": "users", "groupBy": "type", "step": "1h"},
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Seconds to materialize every aggregate anew; bytes; milliseconds of each question in rows and in columns.

    `ratio` is how many times smaller the events became, None where they were columns from the start.
    """

    refresh_seconds: float
    compress_seconds: float
    bytes: int
    ratio: float | None
    rows_ms: dict[str, float]
    columns_ms: dict[str, float]


def measure(instance: Instance, load: Workload) -> Columns | None:
    """Measure on the events that the run has sent; None where the engine has no columns."""
    from config.engine import rollups, store
    from config.lib.postgres import connect
    from events.days import in_store
    from events.store.base import ratio_of

    if not store().can_compress:
        return None
    with connect(name="bench columns", autocommit=True, deadline=600) as connection:
        spans = in_store(connection, store(), rollups(), first=load.start.date(), last=load.end.date())
        refresh = _seconds(lambda: [rollups().rebuild(connection, *span) for span in spans])
        rows = _ask_all(instance, load)
        compress = _seconds(lambda: [store().compress(connection, start.date()) for start, _ in spans])
        columns = _ask_all(instance, load)
        chunks = [one for one in store().partitions(connection.cursor()) if one.compressed]
    size = sum(one.bytes for one in chunks)
    return Columns(refresh, compress, size, ratio_of(chunks), rows, columns)


def lines(found: Columns) -> Iterator[str]:
    """Yield the table's rows."""
    yield f"| all aggregates computed anew | {found.refresh_seconds:.1f} s |"
    smaller = f"{found.ratio:.1f} times smaller" if found.ratio else "columns from the start"
    yield f"| columns | {found.bytes / 2**20:.0f} MB in {found.compress_seconds:.1f} s, {smaller} |"
    for name, before in found.rows_ms.items():
        yield f"| {name} | {before:.0f} ms in rows, {found.columns_ms[name]:.0f} ms in columns |"


def _ask_all(instance: Instance, load: Workload) -> dict[str, float]:
    return {name: _median_ms(instance, load, question) for name, question in QUESTIONS.items()}


def _median_ms(instance: Instance, load: Workload, question: dict[str, str]) -> float:
    """Ask again and again. Each question differs a little, so that none is answered from a cache."""
    span = f"{load.start:%Y-%m-%dT%H:%M:%SZ}/{load.end:%Y-%m-%dT%H:%M:%SZ}"
    times = [
        _seconds(partial(instance.ask, range=span, limit=str(next(_LIMITS)), **question))
        for _ in range(ROUNDS)
    ]
    return statistics.median(times) * 1000


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
