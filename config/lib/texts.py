"""Texts that somebody sent: which a database can keep."""

from __future__ import annotations

import re

_UNFIT = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Tell whether Postgres takes a text, or can be asked for it: neither NUL nor half a surrogate pair."""
    return not _UNFIT.search(text)
