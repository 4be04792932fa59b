"""A dead letter's bytes as people read them: they may be anything, that is why they are here."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def parse(data: bytes | str) -> Any:
    """Return `data` as strict JSON. Raises ValueError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"This is not valid JSON: {error}.") from None


def pretty(data: bytes) -> str:
    """Return `data` indented where it is JSON, else as text with what is no text replaced."""
    try:
        return json.dumps(parse(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data.decode(errors="replace")
