"""Prometheus figures of every process on this host, put together."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess


def read_registry() -> CollectorRegistry:
    """Return a registry to read: all processes' where they share a folder, else this process's own."""
    if not os.path.isdir(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")):
        return REGISTRY
    _forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found)
    return found


def _forget_the_dead(folder: Path) -> None:
    """Remove gauges of processes that ended without saying so: what they last were is not so any more."""
    for file in folder.glob("gauge_live*_*.db"):
        if not Path("/proc", file.stem.rpartition("_")[2]).exists() and Path("/proc/self").exists():
            file.unlink(missing_ok=True)
