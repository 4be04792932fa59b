"""The processor's figures for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

processed = Counter("sluice_processed_events", "Events that left the bus, by outcome.", ["outcome"])
step_seconds = Histogram(
    "sluice_processor_step_seconds",
    "Time of each step of a claim, in seconds.",
    ["step"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
failures = Counter(
    "sluice_processor_failures", "Claims that were rolled back, by whose fault it was.", ["fault"]
)
claim_seconds = Histogram(
    "sluice_claim_seconds",
    "Time from a claim to its commit, in seconds.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
claim_size = Gauge(
    "sluice_claim_size",
    "Events that a processor claims at once: as the latest claim of this host left it.",
    # Every process has this gauge, and one that claims nothing has it at 0: a minimum or a mean would count those.
    multiprocess_mode="livemostrecent",
)
threads = Gauge("sluice_processor_threads", "Processors that run on this host.", multiprocess_mode="livesum")
mass_poison = Counter(
    "sluice_mass_poison_claims",
    "Claims most of which the database refused: `split` into their batches, or one batch, `parked`.",
    ["then"],
)
