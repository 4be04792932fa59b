"""Single-event requests over 32 connections, beside a DRF view that does nothing on the same server (needs wrk)."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.instance import Instance

CONNECTIONS, SECONDS = 32, 15
SCRIPT = Path(__file__).with_name("single.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, 99th percentile in milliseconds, and answers that were no success."""

    rate: float
    p99_ms: float
    failures: int


def measure(instance: Instance, path: str) -> Load | None:
    """Load `path` for a while; None where wrk is not installed."""
    if not shutil.which("wrk"):
        return None
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "--latency", "-s", str(SCRIPT)]
    url = f"http://127.0.0.1:{instance.port}{path}"
    done = subprocess.run(
        [*command, url, "--", instance.write_key], capture_output=True, text=True, check=True
    )
    return _read(done.stdout)


def _read(text: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert rate and p99, text
    factor = {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]]
    return Load(float(rate[1]), float(p99[1]) * factor, int(failures[1]) if failures else 0)
