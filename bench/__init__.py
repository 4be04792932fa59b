"""Benchmarks: every figure stands beside the limit measured in the same run, because machines differ and drift."""
