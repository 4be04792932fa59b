"""What is known of users, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter

traits_left_out = Counter(
    "sluice_traits_left_out", "Traits that were not kept: too large, or too many of one user id."
)
aliases_left_out = Counter(
    "sluice_aliases_left_out", "Ids that were not joined to a person: he has as many as a person may have."
)
