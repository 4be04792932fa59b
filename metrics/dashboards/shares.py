"""Shares as people read them."""

from __future__ import annotations


def percent(share: float | None) -> str:
    """Return a share of one as percent: 0 %, under 0.1 %, 4.5 %, 37 %; a dash where there is nothing to share."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "under 0.1 %"
    shown = f"{100 * share:.1f}" if share < 0.1 else f"{100 * share:.0f}"
    return f"{shown.removesuffix('.0')} %"


def share_of(part: float, whole: float) -> float | None:
    """Return `part` of `whole`; None where the whole is nothing."""
    return part / whole if whole else None
