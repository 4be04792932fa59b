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
        return _sanitise_keys(value)
    if isinstance(value, list):
        return [sanitise(child) for child in value]
    return value


def _sanitise_keys(value: dict[str, Any]) -> dict[str, Any]:
    """Clean keys and values; keys that become equal are told apart by further U+FFFD, so that nothing is lost."""
    clean: dict[str, Any] = {}
    for key, child in sorted(value.items(), key=lambda item: _UNSTORABLE.search(item[0]) is not None):
        name = _UNSTORABLE.sub("\ufffd", key)
        while name in clean:
            name += "\ufffd"
        clean[name] = sanitise(child)
    return clean
