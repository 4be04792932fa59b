"""Stage 8, the REST side: questions in, JSON out. Every view parses, asks and answers."""
