"""How many workers a process should have: more while the bus lags, fewer once it has not for a while."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Scale:
    """Decides at every look at the lag. Up takes three looks in a row, down thirty, so that it does not swing.

    `behind` and `near` are seconds that the oldest batch has waited: above the one the bus lags, below the other it
    does not; between them nothing changes.
    """

    least: int
    most: int
    behind: float = 5.0
    near: float = 1.0
    looks_up: int = 3
    looks_down: int = 30
    _high: int = 0
    _low: int = 0

    def change(self, lag: float, running: int) -> int:
        """Return 1 for one worker more, -1 for one less, 0 to stay; `lag` is in seconds."""
        self._high = self._high + 1 if lag > self.behind else 0
        self._low = self._low + 1 if lag < self.near else 0
        if running < self.least or (self._high >= self.looks_up and running < self.most):
            self._high = 0
            return 1
        if running > self.most or (self._low >= self.looks_down and running > self.least):
            self._low = 0
            return -1
        return 0
