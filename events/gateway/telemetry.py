"""The gateway's figures for Prometheus."""

from __future__ import annotations

import math
from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from config.lib.registry import read_registry

ack_seconds = Histogram(
    "sluice_ack_seconds",
    "Time from a batch's submission to the bus to its being durable, in seconds.",
    buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
# What went well is counted by the histogram above and, exactly, by the bus itself.
failures = Counter(
    "sluice_ingest_failures", "Requests to ingest that were not accepted, by status.", ["status"]
)
refused = Counter("sluice_refused_events", "Events that broke a rule, by reason.", ["reason"])
plan_violations = Counter(
    "sluice_plan_violation_events", "Events that broke their project's tracking plan, by its mode.", ["mode"]
)
plan_unchecked = Counter(
    "sluice_plan_unchecked_requests",
    "Requests whose tracking plan could not be had: not looked at, but taken.",
)
over_quota = Counter("sluice_over_quota_events", "Events refused because their project was over its quota.")


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of acknowledgements on this host since it started, in milliseconds; None before the first."""

    p50_ms: float | None
    p99_ms: float | None
    requests: int


def ack_latency() -> Latency:
    """Estimate the quantiles from the histogram: within a bucket, values are taken as evenly spread."""
    counts: dict[float, float] = {}
    for family in read_registry().collect():
        if family.name == "sluice_ack_seconds":
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    bound = float(sample.labels["le"])
                    counts[bound] = counts.get(bound, 0) + sample.value
    total = int(counts.get(math.inf, 0))
    buckets = sorted(counts.items())
    return Latency(_quantile(buckets, 0.5), _quantile(buckets, 0.99), total)


def _quantile(buckets: list[tuple[float, float]], q: float) -> float | None:
    if not buckets or not buckets[-1][1]:
        return None
    rank = q * buckets[-1][1]
    lower = below = 0.0
    for bound, count in buckets:
        if count >= rank:
            if math.isinf(bound):
                return lower * 1000
            return (lower + (bound - lower) * (rank - below) / (count - below)) * 1000
        lower, below = bound, count
    return None
