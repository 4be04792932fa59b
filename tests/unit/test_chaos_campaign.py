"""How the campaign behaves: what it takes for a fault, what it keeps, what it ends with, what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

import chaos.__main__ as program
from chaos import campaign, control, instance, latency, report, trial
from chaos.checks import Violation
from chaos.faults import disk
from chaos.faults.base import PLAIN, Fault, NotInjected, Scene, Setup
from chaos.insider import Insider
from chaos.instance import Instance
from chaos.results import Injection, Outcome, Section
from chaos.waiting import TooLong, wait_until


def scene() -> Scene:
    nothing = cast(Any, SimpleNamespace(tenants=[]))
    return Scene(nothing, nothing, nothing, Random(1), short=True)


# --- what a fault is


def test_evidence_is_noted_and_its_lack_is_a_finding() -> None:
    stage = scene()
    stage.proved(3, "3 times 503")
    assert stage.notes == ["3 times 503"]
    with pytest.raises(NotInjected, match="0 times 503"):
        stage.proved(0, "0 times 503")


def test_a_fault_without_evidence_was_not_injected() -> None:
    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        yield
        scene.proved(False, "no deadlock")

    found = Injection(1, "idle")
    trial.Trial(scene())._hurt(found, Fault("idle", "does nothing", inject), Random(1))
    assert found.violations == [Violation("not injected", 1, "no deadlock")]


def test_a_sender_that_is_never_acknowledged_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, end = scene(), threading.Event()
    stage.senders = [threading.Thread(target=end.wait, daemon=True)]
    stage.senders[0].start()
    monkeypatch.setattr(trial, "_LAST_SENDERS", 0.01)
    with pytest.raises(TooLong, match="1 clients"):
        trial.Trial(stage)._join_senders()
    end.set()
    stage.senders[0].join()
    trial.Trial(stage)._join_senders()


# --- what is kept


@contextmanager
def broken(folder: Path) -> Iterator[Mapping[str, str]]:
    (folder / "evidence").write_text("x")
    raise RuntimeError("it did not start")
    yield {}


@pytest.mark.parametrize("keep", [True, False])
def test_the_data_of_an_instance_that_failed_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    section = Section("broken")
    options = campaign.Options(1, short=True, rate=1.0, keep=keep)
    with pytest.raises(RuntimeError), campaign._instance(Setup("broken", "", open=broken), options, section):
        pass
    assert bool(section.folder) == keep
    assert [path.name for path in tmp_path.glob("*/evidence")] == ["evidence"] * keep


def test_a_small_disk_is_copied_before_it_goes(tmp_path: Path) -> None:
    if reason := disk.needs_mount():
        pytest.skip(reason)
    small = disk.SmallDisk(tmp_path / "server", 1 << 20)
    small.mount()
    (tmp_path / "server" / "evidence").write_text("x")
    campaign._rescue(tmp_path, Section("small-disks", broken="lost"), True, None)
    small.unmount()
    assert (tmp_path / "server.kept" / "evidence").read_text() == "x"


def test_the_disk_of_a_campaign_that_was_killed_is_unmounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := disk.needs_mount():
        pytest.skip(reason)
    dead = subprocess.Popen(["true"])
    dead.wait()
    mine, left = disk.SmallDisk(tmp_path / "mine", 1 << 20), disk.SmallDisk(tmp_path / "left", 1 << 20)
    mine.mount()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: dead.pid)
        left.mount()
    assert str(tmp_path / "left") in disk.clear_leftovers()
    assert [os.path.ismount(tmp_path / name) for name in ("mine", "left")] == [True, False]
    mine.unmount()


# --- what it ends with


@pytest.mark.parametrize(
    ("section", "code"),
    [
        (
            Section("c", [Injection(1, "f", violations=[Violation("lost", 41, "")])], broken="lost"),
            control.NOTICED,
        ),
        (Section("c", [Injection(1, "f")]), control.UNNOTICED),
        (Section("c", [Injection(1, "f", violations=[Violation("refused", 1, "")])]), control.UNNOTICED),
        (Section("c", broken="RuntimeError: it did not start"), control.FAILED),
    ],
)
def test_a_control_tells_a_notice_from_a_crash(
    section: Section, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control._verdict(control.CONTROLS["fsync"], Outcome(1, [section])) == code
    assert ("noticed: lost 41\n" in capsys.readouterr().out) == (code == control.NOTICED)


def test_a_control_that_cannot_even_run_has_noticed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(control.FAULTS, "kill-everything")
    assert control.run("fsync", seed=1) == control.FAILED


def test_the_report_outlives_a_measurement_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "chaos.md"
    page.write_text(f"{report.BEGIN}\n{report.END}\n")

    def measure() -> None:
        assert "seed 7" in page.read_text(), "the report is written before"
        raise RuntimeError("no port")

    monkeypatch.setattr(
        program, "_campaign", lambda *_: Outcome(7, [Section("plain", [Injection(1, "poison")])])
    )
    monkeypatch.setattr(latency, "measure", measure)
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["chaos", f"--report={page}"])
    assert program.main() == 1
    assert "- no measurement of outages: RuntimeError: no port" in page.read_text()


def test_a_campaign_that_does_not_reach_its_events_is_not_well() -> None:
    plan = campaign.Campaign(campaign.Options(1, short=True, rate=1.0, events=5), cast(Any, None))
    assert plan.run([]).broken == ["0 of 5 events were acknowledged"]


# --- what it leaves behind


def test_who_outlives_a_dead_supervisor_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "_OUTLIVES", 0.1)
    sluice = Instance(tmp_path, PLAIN, {})
    starts = "import subprocess; subprocess.run(['sleep', '600'])"
    sluice._process = subprocess.Popen([sys.executable, "-c", starts])
    wait_until(lambda: len(sluice.processes()) == 2, seconds=20, what="a child")
    child = sluice.processes()[1]
    sluice._process.kill()
    sluice._process.wait()
    assert not sluice.stop_up()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    sluice.proxy.close()


def test_a_helper_that_does_not_answer_is_ended() -> None:
    insider = object.__new__(Insider)
    insider._process = subprocess.Popen(
        ["sleep", "600"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    insider._turn = threading.Lock()
    insider.deadline = 0.01
    with pytest.raises(TooLong, match="for drain"):
        insider.ask("drain")
    assert insider._process.wait(10)
    insider.close()
