"""The faults, one module a subject; `chaos.catalogue` imports them all."""
