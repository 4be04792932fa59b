"""Stage 9, dead letters. In: events that could not be stored, with reason and bytes. Out: replays and discards."""
