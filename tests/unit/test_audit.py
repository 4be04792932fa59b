"""`make check` asks for known vulnerabilities: a finding fails, a service out of reach is said and does not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import ROOT, free_port

_ADVISORY = {
    "id": "PYSEC-1",
    "aliases": ["CVE-1"],
    "summary": "bad",
    "affected": [
        {
            "package": {"name": "harmless", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
            "versions": ["1.0"],
        }
    ],
}


@contextmanager
def service(vulnerable: str) -> Iterator[str]:
    """An advisory service that knows of one package's vulnerability; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = asked["package"]["name"] == vulnerable
            body = json.dumps({"vulns": [_ADVISORY]} if known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text("harmless==1.0\nother==2.0\n")
    return path


def audit(pins: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(pins), "-s", "osv", "--osv-url", url]
    return subprocess.run(
        [*command, "--cache-dir", str(pins.parent / "cache")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_known_vulnerability_fails(pins: Path) -> None:
    with service("harmless") as url:
        done = audit(pins, url)
    assert done.returncode == 1
    assert "harmless 1.0: PYSEC-1, fixed in 1.1" in done.stderr, done.stdout + done.stderr


def test_no_vulnerability_passes(pins: Path) -> None:
    with service("somebody else's") as url:
        done = audit(pins, url)
    assert done.returncode == 0, done.stderr
    assert "no known vulnerability in 2 packages" in done.stdout


def test_a_service_out_of_reach_is_said_and_passes(pins: Path) -> None:
    done = audit(pins, f"http://127.0.0.1:{free_port()}/v1/query")
    assert done.returncode == 0, done.stderr
    assert "NOT DONE" in done.stdout


def test_pins_that_cannot_be_read_fail(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("not pinned at all >= 1\n")
    with service("nobody") as url:
        assert audit(pins, url).returncode == 1
