"""Full disks: of the database, and of the spool while the database is away.

Both lie on a tmpfs of bounded size. To fill it, its bound is lowered to what is used: a write then fails as on a full
disk, without a file that would take so much memory. A tmpfs loses nothing at kill -9, but its fsync does nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import psycopg

from chaos.faults.base import Scene, Setup, fault, setup
from chaos.server import Server
from chaos.waiting import TooLong, wait_until

_MIB, _PAGE = 1 << 20, 4096
_DEVICE = "sluice-chaos-"
_DATABASE_BYTES, _SPOOL_BYTES = 4096 * _MIB, 256 * _MIB
#: More segments than a server of this setup keeps for reuse.
_SEGMENTS = 100
_WHY = "PostgreSQL may have ended: it is started and recovers first"
#: Events a second that no spool of a few MiB holds for long, and what it may take until it is full (seconds).
_FLOOD, _FULL_WITHIN = 3000.0, 20.0
#: A row of it needs pages that a full disk does not have.
_WRITE = "CREATE TABLE chaos_fill AS SELECT gen_random_uuid() FROM generate_series(1, 100000)"


class SmallDisk:
    """A tmpfs at `folder`."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size

    def mount(self) -> None:
        """Mount it; CalledProcessError without the right to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        options = f"size={self._size},mode=0711"
        # Its owner stands in the list of mounts: see `clear_leftovers`.
        _run("mount", "-t", "tmpfs", "-o", options, f"{_DEVICE}{os.getpid()}", str(self._folder))

    def unmount(self) -> None:
        """Unmount it; while somebody still has a file open, it goes with the last of them."""
        _run("umount", "--lazy", str(self._folder))

    def fill(self, leave: int = 0) -> None:
        """Leave `leave` bytes of room (in whole pages)."""
        self._bound(self.used() + leave)

    def free(self) -> None:
        """Give all the room back."""
        self._bound(self._size)

    def used(self) -> int:
        """Return the bytes in use."""
        found = os.statvfs(self._folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    @contextmanager
    def full(self, leave: int = 0) -> Iterator[None]:
        """Be full but for `leave` bytes while inside."""
        self._fill_while_written(leave)
        try:
            yield
        finally:
            self.free()

    def _fill_while_written(self, leave: int) -> None:
        """Fill, again where more was written meanwhile than the new bound allows."""
        for _ in range(50):
            with contextlib.suppress(subprocess.CalledProcessError):
                return self.fill(leave)
        self.fill(leave + _MIB)

    def _bound(self, size: int) -> None:
        # A size of 0 would mean no bound at all.
        _run("mount", "-o", f"remount,size={max(size, _PAGE)}", str(self._folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def clear_leftovers() -> list[str]:
    """Unmount the disks of campaigns that were killed, and return where they were."""
    mounts = [line.split()[:2] for line in Path("/proc/self/mounts").read_text().splitlines()]
    left = [where for device, where in mounts if device.startswith(_DEVICE) and _is_dead(device)]
    for where in left:
        _run("umount", "--lazy", where)
    return left


def _is_dead(device: str) -> bool:
    return not psutil.pid_exists(int(device.removeprefix(_DEVICE)))


@cache
def needs_mount() -> str:
    """Return what is missing for a SmallDisk."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-chaos-mount-"))
    disk = SmallDisk(folder, _MIB)
    try:
        disk.mount()
        disk.unmount()
        return ""
    except (OSError, subprocess.CalledProcessError):
        return "mounting a tmpfs needs root and CAP_SYS_ADMIN"
    finally:
        folder.rmdir()


def database_disk(folder: Path) -> SmallDisk:
    """Return the disk of the database of the instance in `folder`."""
    return SmallDisk(folder / "server", _DATABASE_BYTES)


def spool_disk(folder: Path) -> SmallDisk:
    """Return the disk of the spool of the instance in `folder`."""
    return SmallDisk(folder / "spool", _SPOOL_BYTES)


@contextmanager
def _disks(folder: Path) -> Iterator[Mapping[str, str]]:
    disks = (database_disk(folder), spool_disk(folder))
    with contextlib.ExitStack() as stack:
        for disk in disks:
            disk.mount()
            stack.callback(disk.unmount)
        yield {"SPOOL_DIR": str(folder / "spool")}


setup(
    Setup(
        "small-disks",
        "as plain, with the database's data and the spool on a tmpfs each",
        open=_disks,
        postgres={"min_wal_size": "32MB", "max_wal_size": "256MB"},
        needs=needs_mount,
    )
)


@fault("disk-full-data", "the database's disk is full: no table and no log can grow", setup="small-disks",
       hold=(5.0, 20.0), hold_short=(4.0, 6.0), back_within=10.0, fresh_within=15.0,
       because=_WHY)  # fmt: skip
@contextmanager
def fill_data(scene: Scene) -> Iterator[None]:
    """Fill it and leave it to the load to hit the bound."""
    with database_disk(scene.instance.folder).full():
        refusal = _refusal(scene.instance.server)
        yield
    _as_a_service(scene)
    scene.proved(refusal, refusal or "a write found room")


@fault("disk-full-wal", "the database's disk is full and its log needs a new segment: PostgreSQL panics",
       setup="small-disks", hold=(3.0, 10.0), hold_short=(3.0, 4.0), back_within=10.0, fresh_within=15.0,
       because=_WHY)  # fmt: skip
@contextmanager
def fill_wal(scene: Scene) -> Iterator[None]:
    """Use up the segments that are kept for reuse."""
    with database_disk(scene.instance.folder).full():
        scene.note(f"panic after {_use_up_segments(scene.instance.server)} segments")
        yield
    _as_a_service(scene)


@fault("disk-full-spool", "the spool's disk is full while the database is away: 503, and nothing is lost",
       setup="small-disks", hold=(4.0, 10.0), hold_short=(3.0, 5.0))  # fmt: skip
@contextmanager
def fill_spool(scene: Scene) -> Iterator[None]:
    """Leave the spool no room, little, or some; then cut the database off."""
    leave = scene.rng.choice([0, _MIB // 4, 2 * _MIB])
    scene.note(f"{leave >> 10} KiB left")
    before = scene.load.statuses[503]
    disk, flood = spool_disk(scene.instance.folder), scene.load.at_rate(_FLOOD)
    with disk.full(leave), scene.instance.proxy.fault("refuse"), flood:
        yield
        _wait(lambda: scene.load.statuses[503] > before)
    refused = scene.load.statuses[503] - before
    scene.proved(refused, f"{refused} times 503")


@fault("disk-full-both", "the disks of the database and of the spool are full at once", setup="small-disks",
       hold=(4.0, 10.0), back_within=10.0, fresh_within=15.0, short=False,
       because=_WHY)  # fmt: skip
@contextmanager
def fill_both(scene: Scene) -> Iterator[None]:
    """Leave no room anywhere."""
    folder = scene.instance.folder
    with database_disk(folder).full(), spool_disk(folder).full():
        refusal = _refusal(scene.instance.server)
        yield
    _as_a_service(scene)
    scene.proved(refusal, refusal or "a write found room")


def _refusal(server: Server) -> str:
    """Return how a write that needs room is refused, whatever the load needs meanwhile; empty where it is not."""
    try:
        with server.connect() as link:
            link.execute(_WRITE)
            link.execute("DROP TABLE chaos_fill")
    except psycopg.OperationalError as error:
        return str(error).partition("\n")[0]
    return ""


def _wait(ask: Callable[[], bool]) -> None:
    """Wait for what is evidence when it comes; the fault says what it is if it does not."""
    with contextlib.suppress(TooLong):
        wait_until(ask, seconds=_FULL_WITHIN, what="")


def _use_up_segments(server: Server) -> int:
    """Switch segments until the server panics; return how many it took."""
    with server.connect() as link:
        for count in range(_SEGMENTS):
            try:
                link.execute("SELECT pg_logical_emit_message(false, 'chaos', 'x'), pg_switch_wal()")
            except psycopg.OperationalError:
                return count
    raise RuntimeError(f"{_SEGMENTS} segments of log did not fill the disk")


def _as_a_service(scene: Scene) -> None:
    """Start a server that gave up, as its service manager would: recovery on a full disk ends it."""
    if not scene.instance.server.pid:
        scene.note("PostgreSQL had ended")
        scene.instance.server.start()
