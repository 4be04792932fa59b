"""Stage 4, the store. In: fresh events in staging. Out: `event` rows, by day, until retention drops the day."""
