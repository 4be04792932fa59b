"""Who users are: traits and aliases, kept in the processor's transaction; in: staged events, out: profiles."""
