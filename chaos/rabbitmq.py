"""A RabbitMQ of a campaign's or a test's own: node, ports, cookie and folders, on loopback, without plugins.

It runs from the scripts of an installed package; the package's own service is neither needed nor touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from functools import partial
from glob import glob
from pathlib import Path

import psutil

from chaos.waiting import wait_until
from config.lib import lifeline

_SCRIPTS = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
)
#: Seconds. A start takes five of them on a machine that has nothing else to do.
_PATIENCE = 180
#: A machine with little memory or disk is good enough, and a small log is quicker to make.
_CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
disk_free_limit.absolute = 10MB
vm_memory_high_watermark.relative = 0.9
raft.wal_max_size_bytes = 33554432
log.console = false
log.file.level = warning
"""


def missing() -> str:
    """Say why no RabbitMQ can be started here; empty where one can."""
    if _script() is None:
        return "rabbitmq-server is not installed"
    return "" if shutil.which("epmd") else "epmd, a part of Erlang, is not installed"


def _script() -> str | None:
    found = [path for pattern in _SCRIPTS for path in sorted(glob(pattern))]
    return found[-1] if found else None


class RabbitMQ:
    """Starts, kills and stops one node; what it keeps on disk outlives a stop, and goes with `remove`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sluice-rabbit-"))
        self.port, self._epmd_port, self._dist_port = _free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Return when it takes connections."""
        (self.folder / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port))
        (self.folder / "plugins").write_text("[].\n")
        epmd = ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)]
        script = _script()
        assert script
        self._processes = [self._run(epmd)]
        wait_until(lambda: _listens(self._epmd_port), seconds=30, what="epmd to listen")
        self._processes.append(self._run([script]))
        wait_until(self._answers, seconds=_PATIENCE, what="RabbitMQ's start")

    def kill(self) -> None:
        """Kill -9 the node, and wait for its end."""
        self._end(signal.SIGKILL)

    def stop(self, *, remove: bool = False) -> None:
        """Stop the node in good order, and wait for its end."""
        self._end(signal.SIGTERM)
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def freeze(self) -> None:
        """Stop the node's clock: it takes connections still, and says nothing."""
        self._node().suspend()

    def thaw(self) -> None:
        """Let it go on."""
        self._node().resume()

    def log(self) -> str:
        """Return what it wrote."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("**/*.log")))

    def _node(self) -> psutil.Process:
        return next(one for one in self._everybody() if _is_node(one))

    def _everybody(self) -> list[psutil.Process]:
        return [one for top in self._processes for one in _tree(top.pid)]

    def _end(self, how: signal.Signals) -> None:
        """End the node, wait for what it started, and then end epmd, which it needs until its last moment."""
        everybody = self._everybody()
        nodes = [one for one in everybody if _is_node(one)]
        for process in everybody if how == signal.SIGKILL else nodes:
            _send(process, how)
        psutil.wait_procs(nodes, timeout=30)
        for process in everybody:
            _send(process, signal.SIGKILL)
        for top in self._processes:
            top.wait(10)
        left = psutil.wait_procs(everybody, timeout=10)[1]
        assert not left, f"left behind: {left}"
        self._processes = []

    def _answers(self) -> bool:
        node = self._processes[-1]
        assert node.poll() is None, f"RabbitMQ ended with {node.returncode}:\n{self.log()[-3000:]}"
        return _listens(self.port)

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "console.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self._environment(), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                preexec_fn=partial(lifeline.tie, signal.SIGTERM),
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            # The cookie is made there, and is nobody else's.
            "HOME": folder,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"sluice{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/none.config",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            # No shell in between: signals reach the node itself.
            "RUNNING_UNDER_SYSTEMD": "1",
        }


def _tree(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _is_node(process: psutil.Process) -> bool:
    try:
        return str(process.name()).startswith("beam")
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, how: signal.Signals) -> None:
    try:
        process.send_signal(how)
    except psutil.NoSuchProcess:
        pass


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on now, all different."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
