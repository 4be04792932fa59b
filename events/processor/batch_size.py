"""How many events a processor claims at once: fewer when commits are slow, more while much waits and they are fast."""

from __future__ import annotations

from django.conf import settings

_GROWTH = 1.5
#: From this share of what was asked for on, a claim is full: whole batches seldom fill it to the last event.
_FULL = 0.5


class BatchSize:
    """Half as many after a slow claim; half as many again after a full one that would still be fast.

    It stays in `least` .. `most` events. `target` (seconds) is what a claim may take. It begins with `most`: if that
    is too many, one slow claim tells.
    """

    def __init__(self, *, least: int, most: int, target: float) -> None:
        self._least, self._most, self._target = min(least, most), most, target
        self.events = most

    def done(self, events: int, seconds: float) -> None:
        """Learn from a claim of `events` that took `seconds`."""
        if seconds > self._target:
            self.failed()
        elif events >= self.events * _FULL and seconds * _GROWTH <= self._target:
            self.events = min(self._most, int(self.events * _GROWTH) + 1)

    def failed(self) -> None:
        """Learn from a claim that ran into a time limit or another fault of the system's."""
        self.events = max(self._least, self.events // 2)


def configured() -> BatchSize:
    """Return a size as the settings have it."""
    return BatchSize(
        least=settings.CLAIM_EVENTS_MIN, most=settings.CLAIM_EVENTS, target=settings.CLAIM_TARGET_SECONDS
    )
