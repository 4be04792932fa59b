"""Clock jumps: the wall clock of every process of Sluice is set, the database's stays.

A small library of our own is preloaded (`wall_clock.c`). Debian 12's libfaketime cannot leave monotonic time alone,
which nobody sets: with that wish, each `time.sleep()` of Python ends with an error.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from chaos.faults.base import Scene, Setup, fault, setup
from chaos.http import Client
from chaos.waiting import wait_until

_SOURCE = Path(__file__).with_name("wall_clock.c")
_HOURS = 3600
#: Seconds: to the minute is good enough for a jump of hours.
_TOLERANCE, _ANSWER_WITHIN = 120, 20.0


class WallClock:
    """The clock of one instance. It is right until it is set."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall-clock"
        self._library = folder / "wall_clock.so"

    def build(self) -> None:
        """Compile the library. CalledProcessError when the compiler does not take it."""
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(self._library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self._file.write_bytes(struct.pack("=q", 0))

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to live by this clock."""
        preloaded = [str(self._library), os.environ.get("LD_PRELOAD", "")]
        return {"LD_PRELOAD": ":".join(filter(None, preloaded)), "SLUICE_CLOCK_FILE": str(self._file)}

    def set(self, seconds: float) -> None:
        """Let it be `seconds` ahead of the real one, at once and for all that live by it."""
        # In place and in one write: the programs have mapped these eight bytes.
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", round(seconds * 1e9)))

    @contextmanager
    def ahead(self, seconds: float) -> Iterator[None]:
        """Be wrong by `seconds` while inside."""
        self.set(seconds)
        try:
            yield
        finally:
            self.set(0)


@contextmanager
def _preloaded(folder: Path) -> Iterator[Mapping[str, str]]:
    clock = WallClock(folder)
    clock.build()
    yield clock.environment


def _needs() -> str:
    return "" if shutil.which("cc") else "no C compiler (cc) for the library that moves the clock"


setup(
    Setup(
        "clock",
        "as plain, with a wall clock that can be set",
        open=_preloaded,
        # Events that clients stamp rightly would else be more than an hour ahead of a clock that is two behind, and
        # `outside_window` as they should.
        environment={"MAX_AHEAD_SECONDS": str(3 * _HOURS)},
        needs=_needs,
    )
)


@fault("clock-forward", "the clock jumps two hours ahead, and back", setup="clock", hold=(5.0, 30.0),
       hold_short=(4.0, 6.0))  # fmt: skip
@contextmanager
def jump_forward(scene: Scene) -> Iterator[None]:
    """Set the clock to two hours later."""
    with _jumped(scene, 2 * _HOURS):
        yield


@fault("clock-back", "the clock jumps two hours back, and ahead again", setup="clock", hold=(5.0, 30.0),
       hold_short=(4.0, 6.0))  # fmt: skip
@contextmanager
def jump_back(scene: Scene) -> Iterator[None]:
    """Set the clock to two hours earlier."""
    with _jumped(scene, -2 * _HOURS):
        yield


@contextmanager
def _jumped(scene: Scene, seconds: float) -> Iterator[None]:
    with WallClock(scene.instance.folder).ahead(seconds):
        yield
        seen = _gateway_time(scene) - time.time()
    scene.proved(abs(seen - seconds) < _TOLERANCE, f"the gateway saw {seen:+.0f} s")


def _gateway_time(scene: Scene) -> float:
    """Return what the gateway takes for now (seconds since 1970): where the last 24 hours end, to the minute.

    The Date header would not do: granian keeps one until the clock is past it.
    """
    client = Client(scene.instance.port, scene.instance.tenants[0].read_key)
    try:
        answer = wait_until(
            lambda: client.get("/api/metrics", metric="count", range="24h")[1],
            seconds=_ANSWER_WITHIN,
            what="an answer that tells the time",
        )
    finally:
        client.close()
    return datetime.fromisoformat(answer["range"]["to"]).timestamp()
