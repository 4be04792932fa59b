"""A whole Sluice for acceptance tests: `manage.py up` on a free port with a data folder of its own.

with RunningSluice() as sluice:
    sluice.send([{"type": "hello", "userId": "me"}])
    sluice.drain()
    sluice.kill("processor.1")
    sluice.get("/api/metrics", metric="count", range="24h").json()
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg
from psycopg import sql

from config.embedded import database_url
from config.lib import lifeline
from tests.support import http
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
#: What the tests' own environment must not hand down.
_NOT_INHERITED = {
    "DATABASE_URL",
    "GATEWAY_DATABASE_URL",
    "READ_DATABASE_URL",
    "EVENT_BUS_URL",
    "CELERY_BROKER_URL",
    "PROMETHEUS_MULTIPROC_DIR",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "HTTPS",
    "HOST",
    "DJANGO_SETTINGS_MODULE",
    "SLUICE_SUPERVISED",
    "SLUICE_PART",
    "MAKEFLAGS",
    "MAKELEVEL",
}


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_data_dir() -> Path:
    """Make a data folder in the temporary folder that the database's user may pass."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-up-"))
    folder.chmod(0o711)
    return folder


class RunningSluice:
    """Starts Sluice and waits until it is ready; on leaving it is stopped and must have left nothing behind.

    `env` overrides its environment. With `data_dir` the data outlive it; else they are removed.
    """

    def __init__(self, *, env: dict[str, str] | None = None, data_dir: Path | None = None) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir or new_data_dir()
        self._keeps_data = data_dir is not None
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self._env = inherited | {"PORT": str(self.port), "DATA_DIR": str(self.data_dir)} | (env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RunningSluice:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and remove its data unless they are somebody else's."""
        try:
            if self._process is not None:
                self.stop()
        finally:
            if not self._keeps_data:
                shutil.rmtree(self.data_dir, ignore_errors=True)

    # --- running ------------------------------------------------------------------------------------------

    def start(self, *, ready_within: float = 60.0) -> None:
        """Start it and return when /health/ready answers 200."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=partial(lifeline.tie, signal.SIGTERM),
            )  # fmt: skip
        try:
            wait_until(self.is_ready, seconds=ready_within, what="readiness")
        except AssertionError:
            self.kill_everything()
            raise AssertionError(f"Sluice did not become ready:\n{self.log()[-6000:]}") from None

    def stop(self, *, within: float = 60.0) -> int:
        """Send SIGTERM and return the exit code, which must be 0; nothing of it may be left."""
        assert self._process
        everybody = self.processes()
        self._process.terminate()
        try:
            code = self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise AssertionError(f"Sluice did not stop within {within:g} s:\n{self.log()[-6000:]}") from None
        self._process = None
        left = psutil.wait_procs(everybody, timeout=2)[1]
        assert not left, f"left behind: {left}"
        assert code == 0, f"exit code {code}:\n{self.log()[-6000:]}"
        return code

    def kill_supervisor(self, *, everybody_within: float = 30.0) -> None:
        """Kill -9 the supervisor alone and wait until everything it started has ended as well."""
        assert self._process
        everybody = self.processes()
        self._process.kill()
        self._process.wait()
        self._process = None
        left = psutil.wait_procs(everybody, timeout=everybody_within)[1]
        assert not left, f"outlived the supervisor: {left}"

    def kill_everything(self) -> None:
        """Kill -9 everything at once, as a power cut would."""
        everybody = self.processes()
        for process in everybody:
            _quietly_kill(process)
        psutil.wait_procs(everybody, timeout=10)
        if self._process:
            self._process.wait()
        self._process = None

    # --- parts --------------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor and everything that it started, directly or not."""
        if self._process is None or not psutil.pid_exists(self._process.pid):
            return []
        supervisor = psutil.Process(self._process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def parts(self) -> dict[str, list[int]]:
        """Return the pids by part: supervisor, postgres, web (master first), processor.N, worker, beat."""
        found: dict[str, list[int]] = {}
        for process in self.processes():
            found.setdefault(self._part_of(process), []).append(process.pid)
        return found

    def _part_of(self, process: psutil.Process) -> str:
        if self._process and process.pid == self._process.pid:
            return "supervisor"
        try:
            if process.name() == "postgres":
                return "postgres"
            return str(process.environ().get("SLUICE_PART", "preparation"))
        except psutil.Error:
            return "ended"

    def pids(self, part: str) -> list[int]:
        """Return the pids of one part, the leader first; [] while it does not run."""
        return self.parts().get(part, [])

    def kill(self, part: str) -> int:
        """Kill -9 the leader of a part and return its pid: the supervisor restarts the part."""
        pid = wait_until(lambda: self.pids(part), what=part)[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_web_worker(self) -> int:
        """Kill -9 one process that answers requests, and return its pid: granian replaces it."""
        pid = wait_until(lambda: self.pids("web")[1:], what="a web worker")[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_replaced(self, part: str, pid: int, *, seconds: float = 30.0) -> int:
        """Return the pid of the process that replaced `pid` as the leader of `part`, once it runs."""
        return wait_until(
            lambda: next((new for new in self.pids(part)[:1] if new != pid), 0),
            seconds=seconds,
            what=f"a new {part}",
        )

    def memory(self) -> dict[str, tuple[float, float]]:
        """Return (RSS, PSS) by part in MiB. Pages that processes share count once for each in RSS, once in PSS."""
        sums: dict[str, tuple[float, float]] = {}
        for part, pids in self.parts().items():
            used = [use for use in map(_memory_of, pids) if use]
            sums[part] = (sum(use.rss for use in used) / 2**20, sum(use.pss for use in used) / 2**20)
        return sums

    # --- using it -----------------------------------------------------------------------------------------

    @property
    def keys(self) -> dict[str, str]:
        """The content of dev-keys.json."""
        return dict(json.loads((self.data_dir / "dev-keys.json").read_text()))

    @property
    def log_file(self) -> Path:
        """Where its output goes, over all starts."""
        return (
            self.data_dir.with_name(self.data_dir.name + ".log")
            if self._keeps_data
            else self.data_dir / "up.log"
        )

    def log(self) -> str:
        """Return what it has printed."""
        return self.log_file.read_text(errors="replace")

    def is_ready(self) -> bool:
        """Tell whether /health/ready answers 200; AssertionError when it has ended."""
        assert self._process
        assert self._process.poll() is None, f"ended with {self._process.returncode}"
        try:
            return http.get(f"{self.base_url}/health/ready", timeout=5).status == 200
        except (OSError, ValueError):
            return False

    def send(self, events: Any, **headers: str) -> http.Answer:
        """POST events with the write key."""
        return http.post_json(
            f"{self.base_url}/api/events", events, key=self.keys["write_key"], headers=headers
        )

    def get(self, path: str, **query: Any) -> http.Answer:
        """GET a path with the read key."""
        return http.get(f"{self.base_url}{path}", key=self.keys["read_key"], **query)

    def create_database(self, name: str) -> None:
        """Make another database on its embedded server."""
        with psycopg.connect(database_url(self.data_dir, "postgres"), autocommit=True) as link:
            link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def manage(self, *arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py against it."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def drain(self, *, timeout: float = 60.0) -> None:
        """Wait until everything that was accepted is queryable."""
        done = self.manage("drain", f"--timeout={timeout}", timeout=timeout + 30)
        assert done.returncode == 0, done.stderr


def _memory_of(pid: int) -> Any:
    """Return what a process uses, or None when it has ended: some of a database's come and go."""
    try:
        return psutil.Process(pid).memory_full_info()
    except psutil.NoSuchProcess:
        return None


def _quietly_kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        pass
