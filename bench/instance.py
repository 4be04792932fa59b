"""A running Sluice of the benchmark's own: a fresh data folder and a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Instance:
    """Where it answers, and with which keys."""

    port: int
    data_dir: Path
    write_key: str
    read_key: str
    pid: int

    def ask(self, **params: str) -> dict[str, object]:
        """Ask GET /api/metrics."""
        url = f"http://127.0.0.1:{self.port}/api/metrics?{urlencode(params)}"
        with urlopen(Request(url, headers={"X-Api-Key": self.read_key}), timeout=30) as answer:
            return dict(json.load(answer))


@contextmanager
def running(folder: str | None = None, **environment: str) -> Iterator[Instance]:
    """Start `manage.py up`, wait until it is ready, and stop it in the end.

    A `folder` that is given is kept, to go on with later; otherwise all of it is temporary.
    """
    with _folder(folder) as root:
        data_dir, port = root / "data", _free_port()
        env = (
            os.environ
            | environment
            | {
                "DATA_DIR": str(data_dir),
                "PORT": str(port),
                "DJANGO_SETTINGS_MODULE": "bench.settings",
                "LOG_LEVEL": "WARNING",
            }
        )
        env.pop("PROMETHEUS_MULTIPROC_DIR", None)
        command = [sys.executable, "manage.py", "up"]
        with (root / "up.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        try:
            _wait(port, process, root / "up.log")
            keys = json.loads((data_dir / "dev-keys.json").read_text())
            yield Instance(port, data_dir, keys["write_key"], keys["read_key"], process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@contextmanager
def _folder(kept: str | None) -> Iterator[Path]:
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the embedded server may run as a user of its own
        yield Path(folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
            return
        except (HTTPError, URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the instance did not get ready:\n{log.read_text()}")
