"""The steady load: clients that keep every id until it was acknowledged, as an SDK has to."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from chaos import events
from chaos.http import Client
from chaos.instance import Instance, Tenant
from chaos.oracle import Oracle
from chaos.waiting import wait_until

SENDERS = 4
_SIZES, _WEIGHTS = (1, 5, 20, 100, 300), (35, 20, 25, 15, 5)
_MEAN = sum(size * weight for size, weight in zip(_SIZES, _WEIGHTS, strict=True)) / sum(_WEIGHTS)
#: How often a request repeats events of an earlier one, alone or among new ones.
_REPEATS = 0.06
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
ACCEPTED, TRY_LATER = 202, (0, 429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it began (monotonic), how long it took in seconds, its status; 0 where none came."""

    began: float
    seconds: float
    status: int


class Load:
    """Sends `rate` events a second to the instance's projects until stopped, and can be paused."""

    def __init__(self, instance: Instance, oracle: Oracle, *, seed: str, rate: float) -> None:
        self.instance = instance
        self.oracle = oracle
        self.statuses: Counter[int] = Counter()
        self.answers: deque[Answer] = deque(maxlen=50_000)
        #: Requests that were refused for good: the load sends nothing that may be.
        self.refused: list[str] = []
        self._running, self._stopping = threading.Event(), threading.Event()
        #: Seconds between two requests of one client, on the average.
        self.interval = 0.0
        self.set_rate(rate)
        self._senders = [_Sender(self, Random(f"{seed}/{number}")) for number in range(SENDERS)]

    def set_rate(self, rate: float) -> None:
        """Send so many events a second from now on."""
        self.interval = SENDERS * _MEAN * (1 + _REPEATS) / rate

    @contextmanager
    def at_rate(self, rate: float) -> Iterator[None]:
        """Send so many events a second while inside."""
        usual = self.interval
        self.set_rate(rate)
        try:
            yield
        finally:
            self.interval = usual

    def start(self) -> None:
        """Begin."""
        self._running.set()
        for sender in self._senders:
            sender.start()

    def pause(self, seconds: float = 90.0) -> None:
        """Begin nothing new; return when everything begun is acknowledged. TooLong when it is not."""
        self._running.clear()
        wait_until(
            lambda: all(sender.idle for sender in self._senders), seconds=seconds, what="the last answers"
        )

    def resume(self) -> None:
        """Go on."""
        self._running.set()

    def stop(self) -> None:
        """End for good; what is not acknowledged by now never will be."""
        self._stopping.set()
        self._running.set()
        for sender in self._senders:
            if sender.is_alive():
                sender.join(30)

    def send(self, client: Client, tenant: Tenant, new: list[events.Event], old: list[events.Event]) -> bool:
        """Send events, `new` ones and `old` ones again, until they are acknowledged; False when stopped before."""
        return self.deliver(client, self.oracle.sending(tenant.id, new), new, old)

    def deliver(self, client: Client, request: int, new: list[events.Event], old: list[events.Event]) -> bool:
        """Do so for a request that the oracle knows already."""
        body, pause = events.body(old + new), _FIRST_PAUSE
        while not self._accepted(client, body):
            if self._stopping.wait(pause):
                return False
            pause = min(pause * 2, _LONGEST_PAUSE)
        self.oracle.was_acknowledged(request, new=len(new), repeated=len(old))
        return True

    def _accepted(self, client: Client, body: bytes) -> bool:
        began = time.monotonic()
        status = client.post(body)
        self.answers.append(Answer(began, time.monotonic() - began, status))
        self.statuses[status] += 1
        if status != ACCEPTED and status not in TRY_LATER:
            self.refused.append(f"{status} for {body[:200]!r}")
        return status == ACCEPTED

    def wait_turn(self, sender: _Sender) -> bool:
        """Return True when a sender may send; False at the end."""
        while not self._stopping.is_set():
            sender.idle = not self._running.is_set()
            if self._running.wait(0.2) and not sender.idle:
                return True
        return False

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        self._stopping.wait(seconds)


class _Sender(threading.Thread):
    """One client with a connection to each project."""

    def __init__(self, load: Load, rng: Random) -> None:
        super().__init__(daemon=True)
        self.idle = False
        self._load, self._rng = load, rng
        self._earlier: dict[int, deque[list[events.Event]]] = {}

    def run(self) -> None:
        tenants = self._load.instance.tenants
        clients = {tenant.id: Client(self._load.instance.port, tenant.write_key) for tenant in tenants}
        due = time.monotonic()
        while self._load.wait_turn(self):
            tenant = self._rng.choice(tenants)
            self._send(clients[tenant.id], tenant)
            # What an outage held back is not made up for: the rate is bounded.
            due = max(due + self._rng.expovariate(1 / self._load.interval), time.monotonic())
            self._load.sleep(due - time.monotonic())
        for client in clients.values():
            client.close()

    def _send(self, client: Client, tenant: Tenant) -> None:
        earlier = self._earlier.setdefault(tenant.id, deque(maxlen=50))
        old = self._rng.choice(earlier) if earlier and self._rng.random() < _REPEATS else []
        new = [events.make(self._rng) for _ in range(self._rng.choices(_SIZES, _WEIGHTS)[0])]
        if self._load.send(client, tenant, new, old):
            earlier.append(new)
