"""Stage 6, sessions. In: users and spans that were touched. Out: `session` rows equal to a computation from scratch."""
