"""Texts that somebody sent: which can be kept, and how they are shown in an answer."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 40


def is_text(value: object) -> bool:
    """Tell whether `value` is a text that a database can keep: no NUL, no half of a character."""
    return isinstance(value, str) and "\x00" not in value and not _SURROGATE.search(value)


def shown(value: object) -> str:
    """Return a value as a short text that fits into an answer."""
    text = str(value)
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return short.encode("utf-8", "replace").decode()
