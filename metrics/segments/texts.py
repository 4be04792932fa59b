"""Texts that somebody sent: which can be kept, and how they are shown in an answer."""

from __future__ import annotations

from config.lib.texts import is_storable

_SHOWN = 40


def is_text(value: object) -> bool:
    """Tell whether `value` is a text that a database can keep."""
    return isinstance(value, str) and is_storable(value)


def shown(value: object) -> str:
    """Return a value as a short text that fits into an answer."""
    text = str(value)
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return short.encode("utf-8", "replace").decode()
