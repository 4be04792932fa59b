"""Group commit: one thread commits for all that wait, so that many small appends share one disk sync.

The first caller becomes the leader and writes its own batch; whoever comes meanwhile waits. When the leader is
done it hands the lead to the first of those waiting, who writes for all of them. No thread of its own is needed.

Each thread has an answer to give in time, the leader too. So where nobody can be reached, those who wait hear of it
with the leader instead of trying one after the other, and who has hardly any time left does not lead.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from events.bus.base import BusFull, BusUnavailable
from events.contracts import Batch

#: Who is handed the lead with less than this share of the deadline left passes it on.
_LEAST_SHARE = 0.2


@dataclass(slots=True, eq=False)
class _Ticket:
    batch: Batch
    until: float
    submitted: float = field(default_factory=time.monotonic)
    signal: threading.Lock = field(default_factory=threading.Lock)
    leads: bool = False
    done: bool = False
    error: BaseException | None = None


class GroupCommit:
    """Calls `write` with one or more batches, never from two threads at once.

    `capacity` bounds how many callers wait (then BusFull); `group` how many are written together; `deadline`
    (seconds) how long a caller has before BusUnavailable. `observe` is told, by the leader for all its group,
    how many seconds each batch took to become durable: counting it in every thread would cost ten times as much.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Batch]], None],
        *,
        capacity: int = 1000,
        group: int = 256,
        deadline: float = 0.9,
        observe: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._write = write
        self._observe = observe
        self._capacity = capacity
        self._group = group
        self._deadline = deadline
        #: By when (`time.monotonic()`) the write under way must be over: its leader's own deadline.
        self.until = math.inf
        self._mutex = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._led = False

    def submit(self, batch: Batch, within: float | None = None) -> None:
        """Return when `batch` was written; raise what `write` raised. `within` is a deadline of its own."""
        ticket = _Ticket(batch, time.monotonic() + (self._deadline if within is None else within))
        ticket.signal.acquire()
        if self._enter(ticket) or self._wait(ticket):
            self._lead()
        if ticket.error is not None:
            raise ticket.error

    def _enter(self, ticket: _Ticket) -> bool:
        """Queue the ticket; return whether its caller leads."""
        with self._mutex:
            if len(self._waiting) >= self._capacity:
                raise BusFull(retry_after=1)
            self._waiting.append(ticket)
            if self._led:
                return False
            self._led = True
            return True

    def _wait(self, ticket: _Ticket) -> bool:
        """Wait to be written for, or to be handed the lead (then return True)."""
        if ticket.signal.acquire(timeout=max(0.0, ticket.until - time.monotonic())) and not ticket.leads:
            return False
        with self._mutex:
            if ticket.done:
                return False
            if ticket.leads and ticket.until - time.monotonic() >= self._deadline * _LEAST_SHARE:
                return True
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            if ticket.leads:
                self._hand_over()
        raise BusUnavailable(retry_after=1)

    def _lead(self) -> None:
        with self._mutex:
            group = self._waiting[: self._group]
            del self._waiting[: self._group]
        self.until = group[0].until
        error: BaseException | None = None
        try:
            self._write([ticket.batch for ticket in group])
        except BaseException as caught:  # every waiting caller must hear of it, whatever it is
            error = caught
        self._finish(group, error)
        if error is None:
            written = time.monotonic()
            for ticket in group:
                self._observe(written - ticket.submitted)

    def _finish(self, group: list[_Ticket], error: BaseException | None) -> None:
        with self._mutex:
            if isinstance(error, BusUnavailable):
                group = group + self._waiting
                self._waiting.clear()
            for ticket in group:
                ticket.error, ticket.done = error, True
            self._hand_over()
        for ticket in group:
            # The leader's own signal is released as well: nobody waits for it any more.
            ticket.leads = False
            if ticket.signal.locked():
                ticket.signal.release()

    def _hand_over(self) -> None:
        """Make the first of those who wait the leader; the mutex is held."""
        self._led = bool(self._waiting)
        if self._led:
            self._waiting[0].leads = True
            self._waiting[0].signal.release()
