"""Resident memory of an instance and everything below it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes: `rss` counts shared pages once for each process, `pss` divides them among those who share."""

    rss_mb: float
    pss_mb: float
    processes: int


def of_tree(pid: int) -> Memory:
    """Read the memory of `pid` and all its descendants (Linux)."""
    pids = _descendants(pid)
    values = [_rollup(one) for one in pids]
    return Memory(sum(v[0] for v in values) / 1024, sum(v[1] for v in values) / 1024, len(pids))


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def _rollup(pid: int) -> tuple[int, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return sizes["Rss"], sizes["Pss"]
