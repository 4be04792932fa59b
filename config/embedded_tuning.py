"""The embedded server's settings: durable as ever, small when idle, few checkpoints under load."""

from __future__ import annotations

import os
import sys

from config.embedded_binaries import Binaries

#: The launcher, a scheduler for each database, and the jobs of policies.
_WORKERS = 12


def tuning(binaries: Binaries, licence: str) -> dict[str, str]:
    """Return the settings for this machine and these programs; `licence` is the one wished for TimescaleDB."""
    settings = _always()
    if binaries.major >= 18:
        # Reading through workers would keep three processes for it.
        settings["io_method"] = "sync"
    if binaries.has_timescaledb:
        settings |= _timescaledb(binaries.licence(licence))
    return settings


def _timescaledb(licence: str) -> dict[str, str]:
    # Under the Apache licence there are no policies; a scheduler's own housekeeping would fail every hour.
    workers = _WORKERS if licence == "timescale" else 0
    return {
        "shared_preload_libraries": "timescaledb",
        "timescaledb.license": licence,
        "timescaledb.telemetry_level": "off",
        "timescaledb.max_background_workers": str(workers),
        # Those, and the ones of parallel queries.
        "max_worker_processes": str(workers + _cores()),
        # A question over years of daily chunks, some of them with columns beside, locks each and its indexes.
        "max_locks_per_transaction": "256",
    }


def _cores() -> int:
    return os.cpu_count() or 1


def _always() -> dict[str, str]:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "64",
        "shared_buffers": f"{max(32, min(256, memory_mb // 8))}MB",
        "effective_cache_size": f"{max(64, memory_mb // 2)}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        # No replicas are fed from here, which makes the log smaller.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "wal_buffers": "4MB",
        "max_logical_replication_workers": "0",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "10min",
        "random_page_cost": "1.1",
        "max_parallel_workers": str(_cores()),
        "max_parallel_workers_per_gather": str(min(2, _cores() // 2)),
        "jit": "off",
        "autovacuum_max_workers": "2",
        "autovacuum_naptime": "15s",
        # A question over years of daily partitions locks each of them and its indexes.
        "max_locks_per_transaction": "128",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "log_line_prefix": "",
        **({"huge_pages": "off"} if sys.platform != "linux" else {}),
    }
