"""Who the embedded PostgreSQL runs as. It refuses to run as root, so root needs another user for it.

Nothing that is not ours is changed on disk. Where a folder above the data is closed to that user (a home of mode
0700), the server is given the one right to pass through folders, for its processes only.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

USER = "sluice"
FAST_STOP = signal.SIGINT
IMMEDIATE_STOP = signal.SIGQUIT
#: Lets a process enter and read every folder; it may still write nothing that is not its own.
_PASSING_RIGHT = "dac_read_search"


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How to start a server process: the words in front of its command, and the user they lead to."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


def runner(binaries: Path, data: Path) -> Runner:
    """Return how to start the server: as whoever calls, or for root as the data's owner or a user of our own."""
    if os.geteuid() != 0:
        return Runner(prefix=(), uid=os.geteuid(), gid=os.getegid())
    if not shutil.which("setpriv"):
        raise EmbeddedError("root needs `setpriv` (package util-linux) to start PostgreSQL as another user; "
                            "install it, run as a normal user, or set DATABASE_URL")  # fmt: skip
    uid, gid = _owner(data)
    paths = [binaries / "postgres", data.parent]
    plain, passing = _prefix(uid, gid), _prefix(uid, gid, _PASSING_RIGHT)
    closed = _closed(plain, paths)
    if not closed:
        return Runner(prefix=plain, uid=uid, gid=gid)
    if _closed(passing, paths):
        raise EmbeddedError(f"{_obstacle(uid, closed)}: {_WAYS_OUT}")
    print(f"sluice: {_obstacle(uid, closed)}; its processes get the right to pass ({_PASSING_RIGHT}), nothing on "
          f"disk is changed. To avoid that: {_WAYS_OUT}", file=sys.stderr)  # fmt: skip
    return Runner(prefix=passing, uid=uid, gid=gid)


def _owner(data: Path) -> tuple[int, int]:
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    entry = _own_user()
    return entry.pw_uid, entry.pw_gid


def _own_user() -> pwd.struct_passwd:
    """Return the system user of the server, making it the first time."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
               "--shell", "/usr/sbin/nologin", USER]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise EmbeddedError(f"the system user `{USER}` for PostgreSQL could not be made: make it, run as a normal "
                            "user, or set DATABASE_URL") from None  # fmt: skip
    print(f"sluice: made the system user `{USER}`, who runs PostgreSQL because root may not", file=sys.stderr)
    return pwd.getpwnam(USER)


def _prefix(uid: int, gid: int, right: str = "") -> tuple[str, ...]:
    keep = (f"--inh-caps=+{right}", f"--ambient-caps=+{right}") if right else ()
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--pdeathsig=INT", *keep)


def _closed(prefix: tuple[str, ...], paths: list[Path]) -> list[Path]:
    """Return the folders (outermost first) and files that a command started with `prefix` cannot enter or run."""
    wanted = sorted({folder for path in paths for folder in path.parents} | set(paths))
    return [path for path in wanted if path.exists() and not _may_run(prefix, path)]


def _may_run(prefix: tuple[str, ...], path: Path) -> bool:
    # Not `test -x`: access(2) leaves out the rights that the process was given.
    command = ["test", "-e", f"{path}/."] if path.is_dir() else [str(path), "--version"]
    return subprocess.run([*prefix, *command], capture_output=True, cwd="/").returncode == 0


def _obstacle(uid: int, closed: list[Path]) -> str:
    return f"user `{pwd.getpwuid(uid).pw_name}`, who runs PostgreSQL because root may not, cannot enter {closed[0]}"


_WAYS_OUT = "use a checkout and a DATA_DIR outside of it, run as a normal user, or set DATABASE_URL"
