"""What arrives: types and their properties, noted in the processor's transaction; in: staged events, out: a list."""
