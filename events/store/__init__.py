"""Stage 4, the store. In: fresh events in the staging table. Out: `event` rows, by day, until retention drops the day."""
