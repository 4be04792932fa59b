"""Stage 5, rollups. In: the fresh events in staging. Out: counts and users by time, equal to the raw events."""
