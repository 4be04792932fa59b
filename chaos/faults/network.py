"""The network between Sluice and PostgreSQL: cut, reset, silent, slow, thin, or losing the server's answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from chaos.faults.base import Scene, fault
from chaos.proxy import FaultProxy

_SLOWLY = "what came slowly is still on its way when the line is good again"
_FLAPPING = ("pass", "refuse", "reset", "blackhole", "swallow")


@fault("net-refuse", "connections to the database are refused", hold=(5.0, 30.0), hold_short=(3.0, 5.0))
@contextmanager
def refuse(scene: Scene) -> Iterator[None]:
    """Cut what is open and refuse what is new."""
    with scene.instance.proxy.fault("refuse"):
        yield


@fault("net-reset", "connections to the database are reset, new ones as soon as they are made", hold=(5.0, 30.0),
       hold_short=(3.0, 5.0))  # fmt: skip
@contextmanager
def reset(scene: Scene) -> Iterator[None]:
    """Reset everything."""
    with scene.instance.proxy.fault("reset"):
        yield


@fault("net-reset-once", "every connection to the database is reset, once", weight=2)
@contextmanager
def reset_once(scene: Scene) -> Iterator[None]:
    """Reset what is open, in the middle of whatever it does; new connections are welcome."""
    with scene.instance.proxy.fault("reset"):
        pass
    yield


@fault(
    "net-blackhole",
    "the database takes connections and says nothing",
    hold=(5.0, 30.0),
    hold_short=(3.0, 5.0),
)
@contextmanager
def black_hole(scene: Scene) -> Iterator[None]:
    """Let everything vanish; only the client's own deadlines help."""
    with scene.instance.proxy.fault("blackhole"):
        yield


@fault("net-swallow", "statements arrive, COMMIT among them, and their answers do not", weight=2, hold=(1.0, 10.0),
       hold_short=(2.0, 4.0))  # fmt: skip
@contextmanager
def swallow(scene: Scene) -> Iterator[None]:
    """Leave every client in doubt about what it has committed."""
    with scene.instance.proxy.fault("swallow"):
        yield


@fault("net-delay", "each piece between Sluice and the database takes 20 to 800 ms longer", hold=(5.0, 20.0),
       hold_short=(3.0, 5.0), fresh_within=10.0, because=_SLOWLY)  # fmt: skip
@contextmanager
def delay(scene: Scene) -> Iterator[None]:
    """Be a distant, or an overloaded, database."""
    seconds = round(scene.rng.uniform(0.02, 0.8), 2)
    scene.note(f"{seconds * 1000:g} ms")
    with scene.instance.proxy.fault("delay", seconds):
        yield


@fault("net-thin", "10 to 200 KB/s between Sluice and the database", hold=(5.0, 20.0), hold_short=(3.0, 5.0),
       fresh_within=10.0, because=_SLOWLY)  # fmt: skip
@contextmanager
def thin(scene: Scene) -> Iterator[None]:
    """Be a thin line."""
    rate = scene.rng.randrange(10_000, 200_000)
    scene.note(f"{rate // 1000} KB/s")
    with scene.instance.proxy.fault("rate", rate):
        yield


class Flapping(threading.Thread):
    """Changes a proxy's mode at random, every 0.05 to 1 s, until told to stop."""

    def __init__(self, proxy: FaultProxy, rng: Random) -> None:
        super().__init__(daemon=True)
        self._proxy = proxy
        self._rng = rng
        self._done = threading.Event()
        self.changes = 0

    def run(self) -> None:
        """Change until stopped."""
        while not self._done.wait(self._rng.uniform(0.05, 1.0)):
            self._proxy.set(self._rng.choice(_FLAPPING))
            self.changes += 1

    def stop(self) -> None:
        """Stop, and let everything pass."""
        self._done.set()
        self.join()
        self._proxy.set("pass")


@fault("net-flapping", "the network changes between well, refused, reset, silent and losing answers", hold=(5.0, 20.0),
       hold_short=(3.0, 5.0), weight=2)  # fmt: skip
@contextmanager
def flap(scene: Scene) -> Iterator[None]:
    """Change the mode at random."""
    flapping = Flapping(scene.instance.proxy, scene.rng)
    flapping.start()
    try:
        yield
    finally:
        flapping.stop()
        scene.note(f"{flapping.changes} changes")
