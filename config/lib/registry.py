"""Prometheus figures of every process on this host, put together."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess


def read_registry() -> CollectorRegistry:
    """Return a registry to read: all processes' where they share a folder, else this process's own."""
    if not os.path.isdir(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")):
        return REGISTRY
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found)
    return found
