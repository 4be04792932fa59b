"""Out of memory: processes that get no more, and the kernel's killer, which takes the biggest."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psutil

from chaos import events
from chaos.faults.base import Scene, fault
from chaos.http import Client

if TYPE_CHECKING:
    from chaos.instance import Tenant

_STARVED = "{} may write to no more memory than now: every further allocation fails"
#: What the usual load needs is there; these requests need more. A request has a megabyte at most.
_HEAVY_EVENTS = 1500
_HEAVY_WITHIN = 60.0


@contextmanager
def starved(pids: Sequence[int]) -> Iterator[None]:
    """Let processes allocate nothing more while inside, as a full memory limit without a killer would."""
    with ExitStack() as stack:
        for pid in pids:
            stack.enter_context(_starved(psutil.Process(pid)))
        yield


@contextmanager
def _starved(process: psutil.Process) -> Iterator[None]:
    # Not the address space: of that, glibc's arenas keep 64 MB in reserve.
    soft, hard = process.rlimit(psutil.RLIMIT_DATA)
    process.rlimit(psutil.RLIMIT_DATA, (_written(process), hard))
    try:
        yield
    finally:
        # It may have ended for it, which is an answer too.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_DATA, (soft, hard))


def _written(process: psutil.Process) -> int:
    """Return the bytes that the limit counts: private writable memory."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmData:")[2].split()[0]) << 10


@contextmanager
def heavy_requests(
    scene: Scene, *, senders: int = 6, each: int = 1, size: int = _HEAVY_EVENTS
) -> Iterator[None]:
    """Have `senders` clients send `each` requests of `size` events, beginning now; leave when all are acknowledged."""
    tenants = scene.instance.tenants
    threads = [
        threading.Thread(
            target=_send_heavy,
            args=(scene, tenants[number % len(tenants)], Random(scene.rng.random()), each, size),
            daemon=True,
        )
        for number in range(senders)
    ]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(_HEAVY_WITHIN)


def _send_heavy(scene: Scene, tenant: Tenant, rng: Random, each: int, size: int) -> None:
    client = Client(scene.instance.port, tenant.write_key)
    for _ in range(each):
        scene.load.send(client, tenant, [events.make(rng) for _ in range(size)], [])
    client.close()


def _fate(scene: Scene, part: str, pids: Sequence[int]) -> None:
    alive = sum(pid in scene.instance.pids(part) for pid in pids)
    scene.note(f"{part}: {alive} of {len(pids)} lived on")


@fault(
    "memory-processors", _STARVED.format("each of the processors"), hold=(5.0, 15.0), hold_short=(3.0, 5.0)
)
@contextmanager
def starve_processors(scene: Scene) -> Iterator[None]:
    """Starve both processors, and give them work that they have no room for."""
    held = {part: scene.instance.pids(part)[:1] for part in ("processor.1", "processor.2")}
    with heavy_requests(scene), starved([pid for pids in held.values() for pid in pids]):
        yield
    for part, pids in held.items():
        _fate(scene, part, pids)


@fault("memory-gateway", _STARVED.format("a web worker"), hold=(5.0, 15.0), hold_short=(3.0, 5.0))
@contextmanager
def starve_gateway(scene: Scene) -> Iterator[None]:
    """Starve one of the web workers."""
    pids = [scene.rng.choice(scene.instance.pids("web")[1:])]
    before = len(scene.load.refused)
    with heavy_requests(scene), starved(pids):
        yield
    _fate(scene, "web", pids)
    _forgive(scene, before)


def _forgive(scene: Scene, since: int) -> None:
    """Take back what was noted as refused with 500: Python itself can fail in ways that no handler can answer for."""
    late = scene.load.refused[since:]
    scene.load.refused[since:] = [said for said in late if not said.startswith("500")]
    if forgiven := len(late) - len(scene.load.refused[since:]):
        scene.note(f"{forgiven} times 500")


@fault("memory-celery", _STARVED.format("the Celery worker"), hold=(5.0, 15.0), short=False)
@contextmanager
def starve_celery(scene: Scene) -> Iterator[None]:
    """Starve the Celery worker, which rebuilds sessions."""
    pids = scene.instance.pids("worker")[:1]
    with heavy_requests(scene), starved(pids):
        yield
    _fate(scene, "worker", pids)


@fault("oom-killer", "the biggest process is killed, as the kernel does when memory runs out")
@contextmanager
def kill_biggest(scene: Scene) -> Iterator[None]:
    """Kill -9 whichever of Sluice's processes holds the most memory."""
    biggest = max(scene.instance.processes(), key=_resident)
    scene.note(f"{' '.join(biggest.cmdline()[1:4])[:60]}, {_resident(biggest) >> 20} MiB")
    biggest.kill()
    yield


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
