"""Stage 3, the processor. In: claimed batches. Out: events, rollups, session work, dead letters: ONE transaction."""
