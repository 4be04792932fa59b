"""A whole Sluice of the campaign's own: `manage.py up` in a new data folder, its PostgreSQL behind a proxy."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from chaos.faults.base import Setup
from chaos.insider import ROOT, Insider
from chaos.proxy import FaultProxy
from chaos.server import Server, free_port
from chaos.waiting import TooLong, wait_until
from config.embedded import DATABASE, ROLE
from config.lib import lifeline

#: Settings of every instance: two of each part, and a lease that a frozen processor outsleeps.
_ENVIRONMENT = {
    "WEB_WORKERS": "2",
    "PROCESSORS": "2",
    "PROCESSOR_THREADS": "1",
    "CLAIM_LEASE_SECONDS": "10",
    "LOG_LEVEL": "WARNING",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
#: Seconds that a clean stop may take, and those that a part may live longer than its supervisor.
_STOPS_WITHIN, _OUTLIVES = 60.0, 15.0
_PARTS = ("beat", "processor.1", "processor.2", "worker")
#: What the environment of whoever started the campaign must not hand down.
_NOT_INHERITED = {
    "DATABASE_URL", "GATEWAY_DATABASE_URL", "READ_DATABASE_URL", "EVENT_BUS_URL", "CELERY_BROKER_URL", "SPOOL_DIR",
    "PROMETHEUS_MULTIPROC_DIR", "SECRET_KEY", "ALLOWED_HOSTS", "HTTPS", "HOST", "STATIC_ROOT", "SLUICE_SUPERVISED",
    "SLUICE_PART", "MAKEFLAGS", "MAKELEVEL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project of the instance, with its keys."""

    slug: str
    id: int
    write_key: str
    read_key: str


class Instance:
    """One running Sluice and what can be done to it. `folder` holds everything of it.

    `server` is its PostgreSQL (`up` neither starts nor stops it), `proxy` stands between the two: see chaos/proxy.py
    for its modes. Parts are called as the supervisor calls them: web, beat, processor.1, processor.2, worker.
    """

    def __init__(self, folder: Path, setup: Setup, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.setup = setup.name
        self.data_dir = folder / "data"
        self.log_file = folder / "up.log"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.server = Server(folder / "server", setup.postgres)
        self.proxy = FaultProxy(f"127.0.0.1:{self.server.port}")
        own = {
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "DATABASE_URL": self._url(self.proxy.port),
        }
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        #: What `up` is started with; a fault may change it between two starts.
        self.environment = inherited | _ENVIRONMENT | own | dict(setup.environment) | dict(environment)
        self.tenants: list[Tenant] = []
        self._insider: Insider | None = None
        self._process: subprocess.Popen[bytes] | None = None
        #: Everybody who was ever seen: a dead supervisor cannot be asked whom it had started.
        self._seen: set[psutil.Process] = set()

    def _url(self, port: int) -> str:
        return f"postgres://{ROLE}:{self.server.password}@127.0.0.1:{port}/{DATABASE}"

    # --- up and down ------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Start everything the first time, make two projects, and return when it is ready."""
        self.server.make()
        self.start()
        self.wait_ready()
        for slug in ("acme", "globex"):
            self.tenants.append(self.tenant(slug))
        # What no client was promised must outlive a server that promises nothing: see chaos/control.py.
        self.sql("CHECKPOINT")

    def start(self) -> None:
        """Start `manage.py up`, as a service manager would, and return at once."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=partial(lifeline.tie, signal.SIGTERM),
            )  # fmt: skip

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Return when /health/ready answers 200. RuntimeError with its last words when it does not."""
        try:
            wait_until(self._is_ready, seconds=seconds, what="readiness")
        except TooLong as error:
            raise RuntimeError(f"{error}:\n{self.log()[-4000:]}") from None

    def stop(self) -> None:
        """Stop `up` cleanly, then the proxy and the server; whoever does not go is killed, by pid."""
        if self._insider:
            self._insider.close()
        self.stop_up()
        self.proxy.close()
        self.server.stop()

    def stop_up(self) -> bool:
        """Stop `up` cleanly (SIGTERM); return whether all went within a minute: who does not is killed."""
        if self._process is None:
            return True
        self.processes()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOPS_WITHIN)
        # A supervisor that had died before has stopped nobody; the kernel tells them of its end.
        left = psutil.wait_procs([one for one in self._seen if one.is_running()], timeout=_OUTLIVES)[1]
        _kill_all(left)
        self._process.wait()
        return not left

    def kill_up(self) -> None:
        """Kill -9 the supervisor and everything that it started, at once. The server stays."""
        assert self._process
        _kill_all(self.processes())
        self._process.wait()

    def kill_supervisor(self, seconds: float = 30.0) -> None:
        """Kill -9 the supervisor alone; return when everything it had started has ended too. TooLong when not."""
        assert self._process
        everybody = self.processes()
        self._process.kill()
        self._process.wait()
        left = psutil.wait_procs(everybody, timeout=seconds)[1]
        if left:
            raise TooLong(f"outlived its supervisor for {seconds:g} s: {left}")

    # --- parts ------------------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor and everything that it started."""
        if self._process is None or self._process.poll() is not None:
            return []
        supervisor = psutil.Process(self._process.pid)
        found = [supervisor, *supervisor.children(recursive=True)]
        self._seen |= {*found}
        return found

    def pids(self, part: str) -> list[int]:
        """Return the pids of one part, its leader first; [] while it does not run."""
        return [process.pid for process in self.processes()[1:] if _part(process) == part]

    def kill(self, part: str, sign: signal.Signals = signal.SIGKILL) -> int:
        """Kill the leader of a part and return its pid; the supervisor starts the part again."""
        pid = int(wait_until(lambda: self.pids(part), seconds=40, what=f"{part} to run")[0])
        os.kill(pid, sign)
        return pid

    def kill_web_worker(self) -> int:
        """Kill -9 one process that answers requests, and return its pid: granian replaces it."""
        pid = int(wait_until(lambda: self.pids("web")[1:], seconds=40, what="a web worker to run")[0])
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_whole(self, seconds: float = 60.0) -> None:
        """Return when every part runs, two of the gateway's processes among them. TooLong when one stays away."""
        wait_until(self._is_whole, seconds=seconds, what="every part to run")

    def _is_whole(self) -> bool:
        found = Counter(map(_part, self.processes()))
        return found["web"] > int(self.environment["WEB_WORKERS"]) and all(found[part] for part in _PARTS)

    @contextmanager
    def frozen(self, pid: int) -> Iterator[None]:
        """Stop a process (SIGSTOP) while inside; it may be killed meanwhile."""
        self.freeze(pid)
        try:
            yield
        finally:
            self.wake(pid)

    def freeze(self, pid: int) -> None:
        """Stop a process (SIGSTOP)."""
        os.kill(pid, signal.SIGSTOP)

    def wake(self, pid: int) -> None:
        """Let it go on, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    # --- asking and telling -----------------------------------------------------------------------------------

    @property
    def insider(self) -> Insider:
        """The helper that has the product's code at hand; it speaks to the server beside the proxy."""
        if self._insider is None:
            environment = self.environment | {"DATABASE_URL": self._url(self.server.port)}
            for name in ("LD_PRELOAD", "PROMETHEUS_MULTIPROC_DIR"):
                environment.pop(name, None)
            self._insider = Insider(environment, self.folder / "inside.log")
        return self._insider

    def tenant(self, slug: str) -> Tenant:
        """Make a project with keys."""
        made = self.insider.ask("tenant", slug)
        return Tenant(slug, made["id"], made["write"], made["read"])

    def sql(self, query: Any, params: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement on the database, beside the proxy, and return its rows ([] if it gives none)."""
        with self.server.connect() as link:
            cursor = link.execute(query, params)
            return cursor.fetchall() if cursor.description else []

    def log(self) -> str:
        """Return what `up` has printed over all its lives."""
        return self.log_file.read_text(errors="replace")

    def _is_ready(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise RuntimeError(f"`up` ended with {self._process.returncode}:\n{self.log()[-4000:]}")
        try:
            with urlopen(f"{self.base_url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


def _part(process: psutil.Process) -> str:
    try:
        return str(process.environ().get("SLUICE_PART", ""))
    except psutil.Error:
        return ""


def _kill_all(everybody: list[psutil.Process]) -> None:
    """Kill processes as one: nobody gets the time to notice the end of another."""
    for action in ("suspend", "kill"):
        for process in everybody:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, action)()
    psutil.wait_procs(everybody, timeout=30)
