"""Stage 5, rollups. In: the fresh events in staging. Out: counts and users by minute, hour and day, equal to the raw events."""
