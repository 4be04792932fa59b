"""The campaign itself: well where all is well, and neither of its negative controls goes unnoticed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.instance import ROOT

pytestmark = pytest.mark.acceptance
_PATIENCE = 240


def campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the campaign as `make chaos` does."""
    environment = {name: value for name, value in os.environ.items() if name != "DATA_DIR"}
    return subprocess.run(
        [sys.executable, "-m", "chaos", "--seed=20261123", *arguments], cwd=ROOT, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False,
    )  # fmt: skip


def figure(found: subprocess.CompletedProcess[str], name: str) -> int:
    """Return a figure of the summary."""
    match = re.search(rf"^{name} +([\d,]+)$", found.stdout, re.MULTILINE)
    assert match, found.stdout + found.stderr
    return int(match[1].replace(",", ""))


def test_a_few_faults_break_no_promise() -> None:
    found = campaign("--short", "--faults=kill-processor,kill-backend,duplicate-storm,poison")
    assert found.returncode == 0, found.stdout + found.stderr
    assert figure(found, "events acknowledged") > 1000
    assert figure(found, "lost") == figure(found, "doubled") == 0


def test_a_server_that_acknowledges_before_it_syncs_is_seen_to_lose() -> None:
    found = campaign("--control=fsync")
    assert found.returncode == 1, found.stdout + found.stderr
    assert figure(found, "lost") > 0
    assert re.search(r"^noticed: lost [1-9]", found.stdout, re.MULTILINE), found.stdout


def test_a_processor_without_dedup_is_seen_to_double() -> None:
    found = campaign("--control=dedup")
    assert found.returncode == 1, found.stdout + found.stderr
    assert figure(found, "doubled") > 0
    assert re.search(r"^noticed: doubled [1-9]", found.stdout, re.MULTILINE), found.stdout
