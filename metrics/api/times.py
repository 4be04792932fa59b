"""Times on the wire."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")


def wire(moment: datetime, tz: ZoneInfo = UTC) -> str:
    """Return `moment` in ISO 8601 with the zone's offset; `Z` for UTC."""
    text = moment.astimezone(tz).isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") and tz.key in ("UTC", "Etc/UTC", "Z") else text
