"""Measures, from the moment of healing, how long the gateway and a fresh event take."""

from __future__ import annotations

import time
from random import Random

from chaos import events
from chaos.http import Client
from chaos.instance import Instance
from chaos.oracle import Oracle
from chaos.waiting import TooLong

_PAUSE = 0.05


class Probe:
    """Sends single events of its own until one is acknowledged, and asks until it is queryable."""

    def __init__(self, instance: Instance, oracle: Oracle, rng: Random) -> None:
        self._tenant = instance.tenants[0]
        self._oracle = oracle
        self._rng = rng
        self._writer = Client(instance.port, self._tenant.write_key)
        self._reader = Client(instance.port, self._tenant.read_key)

    def measure(self, healed: float, *, patience: float) -> tuple[float, float]:
        """Return the seconds from `healed` (monotonic) to a fresh event's acknowledgement and to its being found.

        TooLong when that takes more than `patience` seconds.
        """
        event = events.make(self._rng, age=0)
        request = self._oracle.sending(self._tenant.id, [event])
        body, until = events.body([event]), healed + patience
        _until(lambda: self._writer.post(body) == 202, until, "the gateway to acknowledge")
        self._oracle.was_acknowledged(request, new=1)
        back = time.monotonic() - healed
        _until(lambda: self._is_found(str(event.id)), until, "a fresh event to be queryable")
        return back, time.monotonic() - healed

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
        self._reader.close()

    def _is_found(self, event_id: str) -> bool:
        _, answer = self._reader.get("/api/events", eventId=event_id)
        return bool(answer and answer["events"])


def _until(ask: object, until: float, what: str) -> None:
    began = time.monotonic()
    while not ask():  # type: ignore[operator]
        if time.monotonic() > until:
            raise TooLong(f"{what} took more than {time.monotonic() - began:.0f} s")
        time.sleep(_PAUSE)
