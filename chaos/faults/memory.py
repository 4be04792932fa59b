"""Out of memory: processes that get no more, and the kernel's killer, which takes the biggest."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psutil

from chaos import events
from chaos.faults.base import Scene, fault
from chaos.http import Client
from chaos.waiting import wait_until

if TYPE_CHECKING:
    from chaos.instance import Tenant

_STARVED = "{} may write to no more memory than now: every further allocation fails"
#: What the usual load needs is there; these requests need more. A request has a megabyte at most.
_HEAVY_EVENTS = 1500
_NO_MEMORY = ("memoryerror", "out of memory", "cannot allocate memory", "memory allocation of")


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


def heavy_requests(scene: Scene, *, senders: int = 6, each: int = 1, size: int = _HEAVY_EVENTS) -> None:
    """Have `senders` clients send `each` requests of `size` events, beginning now, until all are acknowledged."""
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
    scene.senders += threads


def _send_heavy(scene: Scene, tenant: Tenant, rng: Random, each: int, size: int) -> None:
    client = Client(scene.instance.port, tenant.write_key)
    for _ in range(each):
        scene.load.send(client, tenant, [events.make(rng) for _ in range(size)], [])
    client.close()


def _prove(scene: Scene, held: Mapping[str, Sequence[int]], failed: int) -> None:
    """Note what became of starved processes. Evidence is one that died, or an allocation that failed."""
    died = False
    for part, pids in held.items():
        alive = sum(pid in scene.instance.pids(part) for pid in pids)
        scene.note(f"{part}: {alive} of {len(pids)} lived on")
        died |= alive < len(pids)
    scene.proved(died or failed, f"{failed} failures to allocate")


def _failures(scene: Scene) -> int:
    """Return how often somebody was heard to get no memory, in Python's words, libc's or Rust's."""
    said = scene.instance.log().lower()
    return sum(said.count(words) for words in _NO_MEMORY)


@fault(
    "memory-processors", _STARVED.format("each of the processors"), hold=(5.0, 15.0), hold_short=(3.0, 5.0)
)
@contextmanager
def starve_processors(scene: Scene) -> Iterator[None]:
    """Starve both processors, and give them work that they have no room for."""
    held = {part: scene.instance.pids(part)[:1] for part in ("processor.1", "processor.2")}
    before = _failures(scene)
    heavy_requests(scene)
    with starved([pid for pids in held.values() for pid in pids]):
        yield
    _prove(scene, held, _failures(scene) - before)


@fault("memory-gateway", _STARVED.format("a web worker"), hold=(5.0, 15.0), hold_short=(3.0, 5.0))
@contextmanager
def starve_gateway(scene: Scene) -> Iterator[None]:
    """Starve one of the web workers."""
    pids = [scene.rng.choice(scene.instance.pids("web")[1:])]
    refused, unserved = len(scene.load.refused), _unserved(scene)
    heavy_requests(scene)
    with starved(pids):
        yield
    unserved = _unserved(scene) - unserved
    _forgive(scene, refused)
    _prove(scene, {"web": pids}, unserved)


def _unserved(scene: Scene) -> int:
    """Return how many requests got no service: the database is well, so that only memory can be short."""
    return sum(scene.load.statuses[status] for status in (0, 500, 503))


def _forgive(scene: Scene, since: int) -> None:
    """Take back what was noted as refused with 500: Python itself can fail in ways that no handler can answer for."""
    late = scene.load.refused[since:]
    scene.load.refused[since:] = [said for said in late if not said.startswith("500")]
    if forgiven := len(late) - len(scene.load.refused[since:]):
        scene.note(f"{forgiven} times 500")


@fault("memory-celery", _STARVED.format("a Celery worker that starts"), hold=(5.0, 15.0), short=False)
@contextmanager
def starve_celery(scene: Scene) -> Iterator[None]:
    """Starve the Celery worker, which rebuilds sessions. Once it has started it may need nothing more."""
    before = _failures(scene)
    old = scene.instance.kill("worker")
    pids = wait_until(
        lambda: _without(old, scene.instance.pids("worker")), seconds=40, what="a new Celery worker"
    )
    heavy_requests(scene)
    with starved(pids):
        yield
    _prove(scene, {"worker": pids}, _failures(scene) - before)


def _without(pid: int, pids: Sequence[int]) -> list[int]:
    return [one for one in pids if one != pid]


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
