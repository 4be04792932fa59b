"""Stage 1, the gateway. In: HTTP requests. Out: one encoded batch on the bus; answers 202 only when it is durable."""
