"""Replaces what Postgres text cannot hold: NUL characters and lone surrogates become U+FFFD."""

from __future__ import annotations

import re
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def sanitise(value: Any) -> Any:
    """Return `value` (decoded JSON) with every unstorable character replaced, in keys and values at any depth.

    The depth was bounded by the decoder, which recurses itself.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {sanitise(key): sanitise(child) for key, child in value.items()}
    if isinstance(value, list):
        return [sanitise(child) for child in value]
    return value
