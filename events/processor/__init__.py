"""Stage 3, the processor. In: claimed batches. Out: events, rollups, session work and dead letters, in ONE transaction."""
