"""Clock jumps: the wall clock of every process of Sluice is set, the database's stays.

A small library of our own is preloaded (`wall_clock.c`). Debian 12's libfaketime cannot leave monotonic time alone,
which nobody sets: with that wish, each `time.sleep()` of Python ends with an error.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chaos.faults.base import Scene, Setup, fault, setup

_SOURCE = Path(__file__).with_name("wall_clock.c")
_HOURS = 3600


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
    with WallClock(scene.instance.folder).ahead(2 * _HOURS):
        yield


@fault("clock-back", "the clock jumps two hours back, and ahead again", setup="clock", hold=(5.0, 30.0),
       hold_short=(4.0, 6.0))  # fmt: skip
@contextmanager
def jump_back(scene: Scene) -> Iterator[None]:
    """Set the clock to two hours earlier."""
    with WallClock(scene.instance.folder).ahead(-2 * _HOURS):
        yield
