"""How fast everything is answered while the database is away, in each way that it can be away, and at what memory.

`measure()` puts up an instance of its own, and `latency_table.table()` makes of its result what the report shows.
Every address of the product is asked, by readers with a key, a person who is signed in, and senders of events.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from chaos.faults.base import PLAIN
from chaos.faults.readonly import read_only
from chaos.faults.slow import stopped
from chaos.latency_table import table
from chaos.visitors import INGEST, Timing, Visitors

if TYPE_CHECKING:
    from chaos.instance import Instance

_WARM, _SAMPLE, _HEAL_WITHIN = 10.0, 0.5, 60.0
#: What the requirement says, in seconds and MiB.
P99_BOUND, GROWTH_BOUND = 1.0, 64.0
#: So often each address is asked even where every answer takes a second; fewer answers tell nothing.
_ENOUGH = 5
_INGEST_STATUSES = {202, 429, 503}


@dataclass(slots=True)
class Outage:
    """One way to be away: what was measured. `growth_mib` is the highest use of memory over that before."""

    name: str
    timings: dict[str, Timing]
    growth_mib: float

    @property
    def kept(self) -> bool:
        """Tell whether the promise was kept."""
        return not self.broken()

    def broken(self) -> list[str]:
        """Return what was broken: addresses that were not asked enough, slow or answered wrongly, and the memory."""
        named = sorted(self.timings.items())
        wrong = [f"{name}: {said}" for name, timing in named for said in _wrong(name, timing)]
        missing = [] if INGEST in self.timings else [f"{INGEST}: never asked"]
        greedy = [f"memory {self.growth_mib:+.0f} MiB"] if self.growth_mib > GROWTH_BOUND else []
        return missing + wrong + greedy


def _wrong(name: str, timing: Timing) -> Iterator[str]:
    """Yield what is wrong with one address's answers. Events are never refused for good, and no page breaks."""
    if len(timing.seconds) < _ENOUGH:
        yield f"only {len(timing.seconds)} answers"
    if (took := timing.at(0.99)) > P99_BOUND:
        yield f"p99 {took:.2f} s"
    bad = timing.statuses - _INGEST_STATUSES if name == INGEST else timing.statuses & {0, 500}
    if bad:
        yield "answered with " + ", ".join(str(status) if status else "nothing" for status in sorted(bad))


class Memory(threading.Thread):
    """Watches the memory of all of Sluice's processes: the sum of PSS, in which shared pages count once."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(daemon=True)
        self._instance = instance
        self._done = threading.Event()
        self.highest = self.before = used_mib(instance)

    def run(self) -> None:
        """Look until stopped."""
        while not self._done.wait(_SAMPLE):
            self.highest = max(self.highest, used_mib(self._instance))

    def stop(self) -> float:
        """Return how much more was used at the worst moment than in the beginning."""
        self._done.set()
        self.join()
        return self.highest - self.before


def used_mib(instance: Instance) -> float:
    """Return the memory in use by Sluice, without PostgreSQL."""
    return sum(map(_pss, instance.processes())) / 2**20


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


@contextmanager
def server_stopped(instance: Instance) -> Iterator[None]:
    """Stop the server while inside."""
    instance.server.stop()
    try:
        yield
    finally:
        instance.server.start()


Away = Callable[["Instance"], AbstractContextManager[None]]
WAYS: dict[str, Away] = {
    "stopped": server_stopped,
    "refused": lambda instance: instance.proxy.fault("refuse"),
    "reset": lambda instance: instance.proxy.fault("reset"),
    "black-holed": lambda instance: instance.proxy.fault("blackhole"),
    "read-only": lambda instance: read_only(instance.server),
    "frozen": lambda instance: stopped(instance.server.processes()),
}


def measure(*, seconds: float = 30.0, ways: Sequence[str] = tuple(WAYS)) -> list[Outage]:
    """Measure each way to be away for `seconds`, on an instance of its own; the first result is without a fault."""
    from chaos.instance import Instance

    with tempfile.TemporaryDirectory(prefix="sluice-latency-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        instance = Instance(folder, PLAIN, {})
        try:
            instance.make()
            with Visitors(instance) as visitors:
                time.sleep(_WARM)
                return [
                    _plainly(visitors, seconds),
                    *(_during(instance, visitors, way, seconds) for way in ways),
                ]
        finally:
            instance.stop()


def _plainly(visitors: Visitors, seconds: float) -> Outage:
    visitors.take()
    time.sleep(seconds)
    return Outage("no fault", visitors.take(), 0.0)


def _during(instance: Instance, visitors: Visitors, way: str, seconds: float) -> Outage:
    memory = Memory(instance)
    memory.start()
    with WAYS[way](instance):
        # From the first moment: how an outage begins is the hardest part of it.
        visitors.take()
        time.sleep(seconds)
        timings = visitors.take()
    growth = memory.stop()
    instance.wait_ready(_HEAL_WITHIN)
    return Outage(way, timings, growth)


def main() -> int:
    """Measure, print, and return 1 where the promise was not kept."""
    outages = measure()
    print(table(outages))
    return 0 if all(outage.kept for outage in outages) else 1


if __name__ == "__main__":
    raise SystemExit(main())
