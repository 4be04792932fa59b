"""Stage 7, questions. In: a question's parameters. Out: an answer read from the coarsest relation that has it."""
