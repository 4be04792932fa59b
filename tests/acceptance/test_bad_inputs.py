"""The shared catalogue of bad inputs, run against a running Sluice by its own runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.books import assert_exact
from tests.support.instance import ROOT, RunningSluice
from tests.support.tenants import RemoteTenant, remote_tenants

FOLDER = Path(os.environ.get("SLUICE_BAD_INPUTS") or ROOT.parent / "shared" / "tools" / "bad_inputs")

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        not (FOLDER / "bad_inputs.json").is_file(),
        reason=f"the catalogue is not part of the repository: no {FOLDER} (SLUICE_BAD_INPUTS)",
    ),
]


@pytest.fixture(scope="module")
def tenants(sluice: RunningSluice) -> list[RemoteTenant]:
    return remote_tenants(sluice, "acme", "globex")


@pytest.fixture(scope="module")
def outcomes(
    sluice: RunningSluice, tenants: list[RemoteTenant], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Run every case once and return what became of each."""
    acme, globex = tenants
    out = tmp_path_factory.mktemp("bad_inputs") / "outcomes.json"
    keys = {
        "WRITE_KEY": acme.write_key,
        "READ_KEY": acme.read_key,
        "OTHER_WRITE_KEY": globex.write_key,
        "OTHER_READ_KEY": globex.read_key,
        "REVOKED_KEY": acme.revoked_key,
        "TENANT_A": acme.slug,
    }
    variables = [f"--var={name}={value}" for name, value in keys.items()]
    command = [sys.executable, str(FOLDER / "run_bad_inputs.py"), "--base", f"127.0.0.1:{sluice.port}"]
    done = subprocess.run(
        [*command, *variables, "--json", str(out), "--quiet"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert out.is_file(), done.stdout + done.stderr
    return json.loads(out.read_text())


def test_every_case_gets_an_answer_that_the_policy_allows(outcomes: list[dict[str, Any]]) -> None:
    assert len(outcomes) > 200
    wrong = {one["name"]: (one["status"], one["expect"], one["fault"]) for one in outcomes if one["fault"]}
    assert not wrong


def test_no_case_gets_a_server_error(outcomes: list[dict[str, Any]]) -> None:
    refusals = {one["name"]: one["status"] for one in outcomes if "503" in (one["also_ok"] or ())}
    five = {
        one["name"]: one["status"]
        for one in outcomes
        if one["name"] not in refusals and any(status.startswith("5") for status in one["status"])
    }
    assert not five


def test_afterwards_everything_still_works_and_is_exact(
    sluice: RunningSluice, tenants: list[RemoteTenant], outcomes: Any
) -> None:
    acme, globex = tenants
    before = globex.total("count", "24h")
    assert globex.send({"type": "after", "userId": "u1"}).status == 202
    sluice.drain()
    assert globex.total("count", "25h") == before + 1
    assert acme.total("count", "25h") > 0
    assert_exact(sluice)


def test_no_key_and_no_traceback_reaches_the_log(
    sluice: RunningSluice, tenants: list[RemoteTenant], outcomes: Any
) -> None:
    log = sluice.log()
    assert "Traceback" not in log
    for tenant in tenants:
        for key in (tenant.write_key, tenant.read_key, tenant.revoked_key):
            assert key not in log
