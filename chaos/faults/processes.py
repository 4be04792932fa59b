"""Processes of Sluice that end without a word, or sleep too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from chaos.faults.base import Scene, fault
from chaos.waiting import TooLong, wait_until

_PROCESSORS = ("processor.1", "processor.2")
#: Less than a processor waits for a lock (seconds).
_CLAIMS_WITHIN = 10.0
_WHOLE_START = 30.0
_WHY = "the whole program starts: recovery of the database, migrations, and Python for each part"


@fault("kill-processor", "kill -9 of a processor", weight=4)
@contextmanager
def kill_processor(scene: Scene) -> Iterator[None]:
    """Kill one of two."""
    scene.instance.kill(scene.rng.choice(_PROCESSORS))
    yield


@fault("kill-processors", "kill -9 of all processors at once", weight=2)
@contextmanager
def kill_processors(scene: Scene) -> Iterator[None]:
    """Kill both."""
    for part in _PROCESSORS:
        scene.instance.kill(part)
    yield


@fault("kill-web-worker", "kill -9 of one of the gateway's processes", weight=4)
@contextmanager
def kill_web_worker(scene: Scene) -> Iterator[None]:
    """Kill one that answers requests; the other goes on."""
    scene.instance.kill_web_worker()
    yield


@fault("kill-gateway", "kill -9 of the whole gateway", weight=3)
@contextmanager
def kill_gateway(scene: Scene) -> Iterator[None]:
    """Kill granian's master; the supervisor ends its workers and starts it again."""
    scene.instance.kill("web")
    yield


@fault("kill-celery", "kill -9 of the Celery worker", weight=2)
@contextmanager
def kill_celery(scene: Scene) -> Iterator[None]:
    """Kill who rebuilds sessions."""
    scene.instance.kill("worker")
    yield


@fault("kill-beat", "kill -9 of Celery beat")
@contextmanager
def kill_beat(scene: Scene) -> Iterator[None]:
    """Kill who says when."""
    scene.instance.kill("beat")
    yield


@fault("kill-supervisor", "kill -9 of the supervisor; it is started again as a service manager would", weight=2,
       back_within=_WHOLE_START, fresh_within=_WHOLE_START, because=_WHY)  # fmt: skip
@contextmanager
def kill_supervisor(scene: Scene) -> Iterator[None]:
    """Kill it alone: what it had started must end by itself, and must not hold the port."""
    scene.instance.kill_supervisor()
    scene.instance.start()
    yield


@fault("kill-everything", "kill -9 of everything at once, PostgreSQL included; then both are started again", weight=3,
       back_within=_WHOLE_START, fresh_within=_WHOLE_START, because=_WHY)  # fmt: skip
@contextmanager
def kill_everything(scene: Scene) -> Iterator[None]:
    """Lose what only memory held, as at a power cut; the kernel's cache of the disk stays."""
    scene.instance.server.kill()
    scene.instance.kill_up()
    yield
    scene.instance.server.start()
    scene.instance.start()


@fault("restart", "a clean stop (SIGTERM) and start of everything but PostgreSQL",
       back_within=_WHOLE_START, fresh_within=_WHOLE_START, because=_WHY)  # fmt: skip
@contextmanager
def restart(scene: Scene) -> Iterator[None]:
    """Stop as at a deployment."""
    went = scene.instance.stop_up()
    yield
    scene.instance.start()
    if not went:
        raise TooLong("a clean stop did not end everything in time")


@fault("frozen-processor", "a processor is stopped (SIGSTOP) beyond its lease, then wakes", weight=2, hold=(11.0, 15.0),
       short=False)  # fmt: skip
@contextmanager
def freeze_processor(scene: Scene) -> Iterator[None]:
    """Freeze one wherever it is, in the middle of a transaction as likely as not."""
    with scene.instance.frozen(scene.instance.pids(scene.rng.choice(_PROCESSORS))[0]):
        yield


@fault("lost-claim", "a frozen processor loses its session, another takes its claim, and it wakes", weight=2,
       hold=(3.0, 8.0), hold_short=(3.0, 4.0))  # fmt: skip
@contextmanager
def lose_claim(scene: Scene) -> Iterator[None]:
    """Freeze both with a claim, end their sessions, wake one: it takes what the other held, who wakes later."""
    sleeper, rival = (scene.instance.pids(part)[0] for part in scene.rng.sample(_PROCESSORS, 2))
    with ExitStack() as until_woken:
        held = _freeze_with_claims(scene, sleeper, rival)
        until_woken.callback(scene.instance.wake, sleeper)
        scene.instance.server.end_sessions("sluice processor")
        scene.instance.wake(rival)
        yield
        left = "SELECT count(*) FROM inbox WHERE id = ANY(%s)"
        taken = len(held) - int(scene.instance.sql(left, [held])[0][0])
    scene.proved(taken == len(held), f"the rival took {taken} of {len(held)} claimed batches")


def _freeze_with_claims(scene: Scene, *pids: int) -> list[int]:
    """Freeze processors while each holds batches, and return these batches' ids.

    None can finish a claim while the ledger is locked. TooLong when one claims nothing.
    """
    claims = "SELECT array_agg(id), count(DISTINCT claimed_by) FROM inbox WHERE claimed_by IS NOT NULL"
    with scene.instance.server.connect() as link, link.transaction():
        link.execute("LOCK TABLE event_key IN ACCESS EXCLUSIVE MODE")
        wait_until(
            lambda: scene.instance.sql(claims)[0][1] == len(pids), seconds=_CLAIMS_WITHIN, what="claims"
        )
        for pid in pids:
            scene.instance.freeze(pid)
        return list(scene.instance.sql(claims)[0][0])


@fault("frozen-gateway", "a process of the gateway is stopped (SIGSTOP), with the requests it has", hold=(2.0, 8.0),
       hold_short=(2.0, 3.0))  # fmt: skip
@contextmanager
def freeze_gateway(scene: Scene) -> Iterator[None]:
    """Freeze one of two."""
    with scene.instance.frozen(scene.rng.choice(scene.instance.pids("web")[1:])):
        yield
