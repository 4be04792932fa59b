"""The spool's figures for Prometheus, as each process counts them."""

from __future__ import annotations

from prometheus_client import Counter

spooled = Counter("sluice_spooled_events", "Events acknowledged from the spool, because the bus was away.")
drained = Counter("sluice_spool_drained_events", "Events taken from the spool to the bus.")
refused = Counter("sluice_spool_refused", "Writes that the spool refused: full, age or disk.", ["reason"])
damaged = Counter("sluice_spool_damaged", "Batches and files of the spool that were set aside as damaged.")
