"""What a fault is, and the list of them. A fault is a context manager: in force inside, healed at its end.

    @fault("kill-processor", "kill -9 of a processor", weight=3)
    @contextmanager
    def kill_processor(scene: Scene) -> Iterator[None]:
        scene.instance.kill("processor.1")
        yield

The load goes on all the while. The campaign waits `hold` seconds inside, leaves, measures from that moment how long
the gateway and a fresh event take, pauses the load, drains, and checks everything. A fault heals what it broke, but
never helps the product up again: what the supervisor or a reconnect would do is what is tested. A fault that may fail
to happen shows by `scene.proved()` that it did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.instance import Instance
    from chaos.load import Load
    from chaos.oracle import Oracle


class NotInjected(Exception):
    """Nothing shows that the fault happened: to have survived it would prove nothing."""


@dataclass(slots=True)
class Scene:
    """What a fault has to work with. `rng` is its only source of chance: the seed replays it."""

    instance: Instance
    oracle: Oracle
    load: Load
    rng: Random
    short: bool
    #: What the report shall say about this one injection beyond its times.
    notes: list[str] = field(default_factory=list)
    #: Clients of the fault's own that may still send when it is over; waited for once the recovery is measured.
    senders: list[threading.Thread] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a figure or remark to this injection's line of the report."""
        self.notes.append(text)

    def proved(self, fact: object, text: str) -> None:
        """Note the evidence that the fault happened. NotInjected, with the text, where `fact` is false."""
        if not fact:
            raise NotInjected(text)
        self.note(text)


#: Seconds within which the gateway and a fresh event are to be back after most faults.
USUAL = 5.0
Inject = Callable[[Scene], AbstractContextManager[None]]
Open = Callable[[Path], AbstractContextManager[Mapping[str, str]]]


def _always() -> str:
    return ""


def _none(folder: Path) -> int:
    return 0


@contextmanager
def _nothing(folder: Path) -> Iterator[Mapping[str, str]]:
    yield {}


@dataclass(frozen=True, slots=True)
class Setup:
    """How an instance is put up: faults of one setup share one instance, one load and one oracle.

    `open(folder)` runs before anything is made in the instance's folder (where it may mount something) and ends
    after everything of it has stopped; it gives environment variables for `up`. `postgres` are server settings.
    `left(folder)` counts what its bus still holds, asked beside the product; `needs` says what is missing here, or
    nothing.
    """

    name: str
    says: str
    open: Open = _nothing
    environment: Mapping[str, str] = field(default_factory=dict)
    postgres: Mapping[str, str] = field(default_factory=dict)
    left: Callable[[Path], int] = _none
    needs: Callable[[], str] = _always


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. Times are seconds.

    `hold` (shortest, longest) is how long it stays in force, `hold_short` the same in the short campaign;
    `back_within` and `fresh_within` bound, from its healing, the first acknowledgement and the time until a
    fresh event is queryable; other bounds than the usual ones have a reason, `because`.
    `needs` says what is missing on this machine, or nothing.
    """

    name: str
    says: str
    inject: Inject
    weight: int = 1
    setup: str = "plain"
    short: bool = True
    hold: tuple[float, float] = (0.0, 0.0)
    hold_short: tuple[float, float] | None = None
    back_within: float = USUAL
    fresh_within: float = USUAL
    because: str = ""
    needs: Callable[[], str] = _always

    def seconds(self, rng: Random, *, short: bool) -> float:
        """Return how long this injection stays in force."""
        return rng.uniform(*(self.hold_short if short and self.hold_short else self.hold))


FAULTS: dict[str, Fault] = {}
SETUPS: dict[str, Setup] = {}


def fault(name: str, says: str, **more: object) -> Callable[[Inject], Inject]:
    """Enter the decorated context manager in the list of faults; `more` are the fields of `Fault`."""

    def enter(inject: Inject) -> Inject:
        assert name not in FAULTS, f"two faults are called {name}"
        FAULTS[name] = Fault(name, says, inject, **more)  # type: ignore[arg-type]
        return inject

    return enter


def setup(made: Setup) -> Setup:
    """Enter a setup in the list."""
    assert made.name not in SETUPS, f"two setups are called {made.name}"
    SETUPS[made.name] = made
    return made


PLAIN = setup(Setup("plain", "one host, PostgreSQL behind a TCP proxy, two web workers, two processors"))
