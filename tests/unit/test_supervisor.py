"""The supervisor: restarts with back-off, an order of stopping, and nobody left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.supervisor import Backoff, Plan, Spec
from tests.support.instance import ROOT
from tests.support.waiting import wait_until

PYTHON = sys.executable
NOTHING = [PYTHON, "-c", ""]
#: Notes its start and its end in a file, and ends politely.
RECORDER = """
import os, signal, sys, time
def note(word):
    with open(sys.argv[1], "a") as file:
        file.write(f"{word} {sys.argv[2]} {os.getpid()}\\n")
def end(*_):
    note("end"); sys.exit(0)
signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGINT, end)
note("start")
while True: time.sleep(60)
"""


class Run:
    """A supervisor in a process of its own, over recorders that share one notebook."""

    def __init__(self, folder: Path) -> None:
        self.notebook = folder / "notes"
        self.output = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def recorder(self, name: str) -> list[str]:
        return [PYTHON, "-c", RECORDER, str(self.notebook), name]

    def start(self, plan: Plan) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "config.supervisor", plan.dump()], cwd=ROOT, stdout=output, stderr=output
            )

    def notes(self, word: str) -> list[tuple[str, int]]:
        lines = (
            [line.split() for line in self.notebook.read_text().splitlines()]
            if self.notebook.exists()
            else []
        )
        return [(name, int(pid)) for kind, name, pid in lines if kind == word]

    def pid(self, name: str) -> int:
        return wait_until(lambda: dict(self.notes("start")).get(name, 0), what=f"the start of {name}")

    def stop(self) -> int:
        assert self.process
        self.process.terminate()
        return self.process.wait(timeout=30)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    if run.process and run.process.poll() is None:
        run.process.kill()
        run.process.wait()


def plan(*stages: list[Spec], database: Spec | None = None, prepare: list[str] | None = None) -> Plan:
    return Plan(database, prepare or NOTHING, list(stages), ready_url="http://127.0.0.1:9/")


def test_backoff_doubles_up_to_half_a_minute_and_forgives_a_healthy_run() -> None:
    backoff = Backoff()
    assert [backoff.after(1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(31.0) == 0.5


def test_a_plan_survives_the_command_line() -> None:
    given = plan([Spec("a", ["b", "c d"])], database=Spec("db", ["x"], stop_signal=signal.SIGINT, grace=60.0))
    assert Plan.load(given.dump()) == given
    assert json.loads(given.dump())


def test_parts_stop_in_order_and_the_exit_code_is_0(run: Run) -> None:
    stages = [[Spec(name, run.recorder(name))] for name in ("web", "worker")]
    database = Spec("db", run.recorder("db"), stop_signal=signal.SIGINT)
    run.start(plan(*stages, database=database))
    run.pid("web")
    run.pid("worker")
    assert run.stop() == 0
    assert [name for name, _ in run.notes("end")] == ["web", "worker", "db"]


def test_a_killed_part_is_restarted_and_its_neighbours_run_on(run: Run) -> None:
    run.start(plan([Spec("a", run.recorder("a"))], [Spec("b", run.recorder("b"))]))
    killed, neighbour = run.pid("a"), run.pid("b")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: run.pid("a") != killed, what="the restart")
    assert run.pid("b") == neighbour
    assert run.stop() == 0


def test_what_a_killed_part_started_ends_before_the_restart(run: Run) -> None:
    parent = f"import subprocess, sys; subprocess.run({run.recorder('child')!r})"
    run.start(plan([Spec("a", [PYTHON, "-c", parent])]))
    child = run.pid("child")
    leader = psutil.Process(child).ppid()
    os.kill(leader, signal.SIGKILL)
    wait_until(lambda: run.pid("child") != child, what="the restart")
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert run.stop() == 0


def test_a_part_that_ignores_sigterm_is_killed_after_its_grace(run: Run) -> None:
    deaf = RECORDER.replace(
        "signal.signal(signal.SIGTERM, end)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    )
    run.start(plan([Spec("deaf", [PYTHON, "-c", deaf, str(run.notebook), "deaf"], grace=0.3)]))
    pid = run.pid("deaf")
    assert run.stop() == 0
    assert not psutil.pid_exists(pid)


def test_a_failed_preparation_ends_with_1_and_starts_no_part(run: Run) -> None:
    failing = [PYTHON, "-c", "import sys; sys.exit('the database is too old')"]
    database = Spec("db", run.recorder("db"), stop_signal=signal.SIGINT)
    run.start(plan([Spec("web", run.recorder("web"))], database=database, prepare=failing))
    assert run.process and run.process.wait(timeout=30) == 1
    assert "the database is too old" in run.output.read_text()
    assert [name for name, _ in run.notes("start") if name != "db"] == []


def test_sigterm_during_the_preparation_stops_at_once(run: Run) -> None:
    run.start(plan([Spec("web", run.recorder("web"))], prepare=run.recorder("prepare")))
    run.pid("prepare")
    assert run.stop() == 0
    assert not run.notes("start")[1:]


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_killed_supervisor_takes_its_parts_along(run: Run) -> None:
    database = Spec("db", run.recorder("db"), stop_signal=signal.SIGINT)
    run.start(plan([Spec("a", run.recorder("a"))], database=database))
    parts = [psutil.Process(run.pid(name)) for name in ("a", "db")]
    assert run.process
    run.process.kill()
    run.process.wait()
    assert not psutil.wait_procs(parts, timeout=10)[1]
    assert [name for name, _ in run.notes("end")] == ["db"]


def test_output_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    chatty = [PYTHON, "-c", "while True: print('x' * 100)"]
    given = plan([Spec("chatty", chatty)])
    process = subprocess.Popen(
        [PYTHON, "-m", "config.supervisor", given.dump()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout
        process.stdout.readline()
        wait_until(lambda: psutil.Process(process.pid).children(), what="the part")
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
