"""Stage 9, the dead-letter queue. In: events that could not be stored, with reason and bytes. Out: replays and discards."""
