"""Figures of several processes, put together, and of processes that are gone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from config.lib.registry import _forget_the_dead


def test_gauges_of_the_dead_are_forgotten_and_their_counters_kept(tmp_path: Path) -> None:
    mine, dead = os.getpid(), 2**22 + 1  # beyond the largest pid that Linux gives out
    kept = {f"gauge_livesum_{mine}.db", f"counter_{dead}.db", f"histogram_{dead}.db"}
    for name in [*kept, f"gauge_livesum_{dead}.db", f"gauge_livemin_{dead}.db"]:
        (tmp_path / name).touch()
    _forget_the_dead(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept


_PROCESS = """
import sys
from events.processor import telemetry
if len(sys.argv) > 1:
    telemetry.claim_size.set(int(sys.argv[1]))
    telemetry.threads.set(2)
if sys.argv[-1] == "read":
    from config.lib.registry import read_registry
    for name in ("sluice_claim_size", "sluice_processor_threads"):
        print(read_registry().get_sample_value(name))
else:
    print("set", flush=True)
    sys.stdin.read()
"""


def test_processes_that_claim_nothing_do_not_count_in_the_gauges(tmp_path: Path) -> None:
    environment = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    command = [sys.executable, "-c", _PROCESS]
    with contextlib.ExitStack() as stack:
        for arguments in ([], ["400"], ["700"], []):  # web, two processors, Celery
            part = stack.enter_context(
                subprocess.Popen([*command, *arguments], env=environment, stdin=-1, stdout=-1, text=True)
            )
            assert part.stdout and part.stdout.readline() == "set\n"
        script = _PROCESS.replace("if len(sys.argv) > 1:", "if False:")
        found = subprocess.run(
            [sys.executable, "-c", script, "read"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert found.stdout.split() == ["700.0", "4.0"]
