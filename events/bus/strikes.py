"""Which projects rest, because one of their batches after the other was refused as a whole."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

#: So many in a row are no accident.
_OUT = 3


class Strikes:
    """Lets a project rest once three of its batches in a row were refused; then one more each time it is tried.

    Where everything is refused, every project rests, and nothing is tried in vain but one batch of each at a time.
    """

    def __init__(self) -> None:
        self._strikes: Counter[int] = Counter()
        self._resting: dict[int, float] = {}

    def refused(self, project_id: int, seconds: float) -> None:
        """Count a refused batch; from the third in a row on the project rests for `seconds`."""
        self._strikes[project_id] += 1
        if self._strikes[project_id] >= _OUT:
            self._resting[project_id] = time.monotonic() + seconds

    def stored(self, projects: Iterable[int]) -> None:
        """Forget the strikes and the rest of projects whose batches went through."""
        for project_id in projects:
            self._strikes.pop(project_id, None)
            self._resting.pop(project_id, None)

    def resting(self) -> list[int]:
        """Return the projects that rest now."""
        now = time.monotonic()
        self._resting = {project_id: end for project_id, end in self._resting.items() if end > now}
        return list(self._resting)
