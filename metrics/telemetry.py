"""Figures of the questions asked, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

query_seconds = Histogram(
    "sluice_query_seconds",
    "Time to compute an answer that was not cached, in seconds, by the relation read.",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
cached_answers = Counter("sluice_cached_answers", "Questions answered from the cache.")
