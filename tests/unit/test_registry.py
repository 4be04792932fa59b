"""Figures of processes that are gone."""

from __future__ import annotations

import os
from pathlib import Path

from config.lib.registry import _forget_the_dead


def test_gauges_of_the_dead_are_forgotten_and_their_counters_kept(tmp_path: Path) -> None:
    mine, dead = os.getpid(), 2**22 + 1  # beyond the largest pid that Linux gives out
    kept = {f"gauge_livesum_{mine}.db", f"counter_{dead}.db", f"histogram_{dead}.db"}
    for name in [*kept, f"gauge_livesum_{dead}.db", f"gauge_livemin_{dead}.db"]:
        (tmp_path / name).touch()
    _forget_the_dead(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
