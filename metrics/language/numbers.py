"""Numbers in texts, as JSON writes them: Python takes more for one (`1_000`, ` 5 `, digits of other scripts)."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_JSON = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")


def number_of(text: str) -> Decimal | None:
    """Return the number that a text is, or None: what float64 cannot hold is none, for it is never stored."""
    if not _JSON.fullmatch(text):
        return None
    number = Decimal(text)
    near = float(number)
    return number if math.isfinite(near) and bool(near) == bool(number) else None
