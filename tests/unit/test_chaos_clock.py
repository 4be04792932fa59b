"""The clock that the campaign sets: it moves the wall clock of programs, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.faults.clock import WallClock

TELL = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


class Program:
    """A program that lives by a clock, and tells it when asked."""

    def __init__(self, clock: WallClock) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", TELL], env=clock.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def times(self) -> tuple[float, float]:
        assert self._process.stdin and self._process.stdout
        print(file=self._process.stdin, flush=True)
        wall, monotonic = self._process.stdout.readline().split()
        return float(wall), float(monotonic)

    def end(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    if not shutil.which("cc"):
        pytest.skip("no C compiler (cc)")
    clock = WallClock(tmp_path)
    clock.build()
    return clock


@pytest.fixture
def program(clock: WallClock) -> Iterator[Program]:
    program = Program(clock)
    yield program
    program.end()


def test_a_running_program_sees_the_clock_jump_and_come_back(clock: WallClock, program: Program) -> None:
    assert abs(program.times()[0] - time.time()) < 5
    for hours in (2, -2):
        with clock.ahead(hours * 3600):
            assert abs(program.times()[0] - time.time() - hours * 3600) < 5
    assert abs(program.times()[0] - time.time()) < 5


def test_monotonic_time_goes_on(clock: WallClock, program: Program) -> None:
    before = program.times()[1]
    with clock.ahead(7200):
        assert 0 <= program.times()[1] - before < 60
