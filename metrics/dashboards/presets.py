"""What the controls of a page offer: ranges, steps, and what they are called."""

from __future__ import annotations

CUSTOM = "custom"
RANGES = {
    "today": "Today",
    "yesterday": "Yesterday",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "mtd": "This month",
    CUSTOM: "Days of your choice",
}
STEPS = {
    "auto": "Automatic",
    "1m": "1 minute",
    "5m": "5 minutes",
    "15m": "15 minutes",
    "1h": "1 hour",
    "1d": "1 day",
    "1w": "1 week",
    "1mo": "1 month",
}
DEFAULT_RANGE, DEFAULT_STEP, DEFAULT_ZONE = "7d", "auto", "UTC"
