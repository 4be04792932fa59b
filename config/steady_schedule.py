"""Celery beat's schedule on a machine whose clock is set back."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler


class SteadySchedule(PersistentScheduler):
    """Goes on when the wall clock is set back. Celery's own would send nothing until the old time has come again:
    both its queue and the entries' last runs are moments of that clock.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due and return the seconds until the next look."""
        self._come_back_from_the_future()
        return float(super().tick(*args, **kwargs))

    def _come_back_from_the_future(self) -> None:
        """Count runs that are yet to come as runs of now, and queue everything anew."""
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            self._heap = None
