"""Tells what will fail again however often it is tried."""

from __future__ import annotations

import psycopg

#: SQLSTATE classes: data exception, cardinality violation, syntax error, program limit exceeded.
_PERMANENT = ("22", "21", "42", "54")


def is_permanent(error: psycopg.Error) -> bool:
    """Tell whether it lies in what was asked and in the data, and not in what the server is at just now."""
    return (error.sqlstate or "").startswith(_PERMANENT)
