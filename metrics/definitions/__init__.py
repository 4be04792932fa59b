"""Defined metrics: kept as rollups in the processor's transaction, computed over history in the background."""
