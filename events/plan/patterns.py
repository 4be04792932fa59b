"""Regular expressions of tenants: an engine that is linear in the text, and what one of them takes in memory."""

from __future__ import annotations

import jsonschema_rs

#: Bytes that a compiled pattern may take, and the table beside it that grows as it matches.
_LARGEST, _TABLE = 1 << 20, 64 << 10
_SIZES = (16 << 10, 64 << 10, 256 << 10, _LARGEST)


def options(size: int = _LARGEST) -> jsonschema_rs.RegexOptions:
    """Return the engine: it knows neither look-around nor back-references, which is why it cannot hang."""
    return jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=_TABLE)


def weight(pattern: str) -> int:
    """Return about how many bytes a pattern takes compiled: 0 for one that is refused anyway."""
    return next((size + _TABLE for size in _SIZES if _fits(pattern, size)), 0)


def _fits(pattern: str, size: int) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True, pattern_options=options(size))
    except ValueError:
        return False
    return True
