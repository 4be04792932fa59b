"""How a figure changed against the period before."""

from __future__ import annotations

from dataclasses import dataclass

from metrics.dashboards import figures


@dataclass(frozen=True)
class Change:
    """A change in percent as people read it; `direction` is up, down or same. `before` is the figure it is against."""

    text: str
    direction: str
    before: str


def change_of(value: float | None, before: float | None) -> Change | None:
    """Return the change from `before` to `value`; None where one of them is not known."""
    if value is None or before is None:
        return None
    shown = figures.full(before)
    if before == 0:
        return Change("new", "up", shown) if value else Change("0 %", "same", shown)
    percent = round(100 * (value - before) / abs(before))
    if percent == 0:
        return Change("0 %", "same", shown)
    return Change(f"{abs(percent):,} %", "up" if percent > 0 else "down", shown)
