"""Stage 2, the bus. In: encoded batches, durable when `append` returns. Out: claims, each held by one processor."""
