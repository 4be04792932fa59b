"""What every bus can do: the gateway's side (`Bus`) and a processor's side (`Consumer`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import psycopg

from config.lib.errors import SluiceError
from events.contracts import Batch, Claimed, Depth

#: The advisory-lock space of processor slots, and how many there are. Health checks look for it in pg_locks.
SLOT_SPACE, SLOTS = 7301, 64


class BusFull(SluiceError):
    """The event bus is full. Try again later."""

    code = "bus_full"
    http_status = 503
    transient = True


class BusUnavailable(SluiceError):
    """The event could not be made durable in time. Send it again with the same eventId."""

    code = "bus_unavailable"
    http_status = 503
    transient = True


class NoSlot(RuntimeError):
    """As many processors run as there may be."""


class Bus(Protocol):
    """Where gateways put batches."""

    def append(self, batch: Batch) -> None:
        """Return when the batch is durable. Raises BusFull or BusUnavailable; then it may be sent again."""

    def depth(self) -> Depth:
        """Return what waits, at a cost that does not grow with it."""

    def parked(self) -> int:
        """Return how many events of suspects wait in the database, at a cost that grows with them."""

    def left(self, cursor: psycopg.Cursor[Any], since: datetime) -> int:
        """Return about how many events that came before `since` are not settled; 0 only where none is.

        `cursor` is one on Sluice's database, and `since` that database's time.
        """

    def trouble(self) -> str:
        """Say in a word why appends would fail; nothing where they would not. Asks the server that takes them."""


class Consumer(Protocol):
    """A processor's side: claims batches, and settles them in the transaction that stored their events."""

    slot: int
    #: Whether more was left at the last claim than was taken, so that there is no point in letting more gather.
    busy: bool

    def claim(self, max_events: int) -> Sequence[int]:
        """Hold some batches of at most `max_events` events, or one, and count the attempt durably; return their ids."""

    def take(self, cursor: psycopg.Cursor[Any], ids: Sequence[int]) -> list[Claimed]:
        """Read and lock those batches that are still ours, within the transaction of `cursor`."""

    def settle(self, cursor: psycopg.Cursor[Any], claimed: Sequence[Claimed]) -> None:
        """Remove the batches from the bus, within the transaction of `cursor`."""

    def confirm(self, ids: Sequence[int]) -> None:
        """Hear that the transaction which settled the batches is committed. Failing here may only repeat them."""

    def park(self, ids: Sequence[int], seconds: float) -> None:
        """Give the batches back with the attempt uncounted, each to be claimed alone, and not for `seconds`."""

    def release(self, ids: Sequence[int]) -> None:
        """Give the batches back and take the attempt back: the fault was not theirs."""

    def recover(self) -> int:
        """Free the batches of processors that died or froze; return how many."""

    def close(self) -> None:
        """Let go of everything."""
