"""Stage 6, sessions. In: the users and spans a processor touched. Out: `session` rows equal to a computation from scratch."""
