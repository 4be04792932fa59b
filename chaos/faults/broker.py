"""RabbitMQ as the bus, and what may happen to it: restarts, crashes, silence, cuts, and queues that are full."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import amqp

from chaos.faults.base import Scene, Setup, fault, setup
from chaos.faults.data import mass_poison
from chaos.faults.memory import heavy_requests
from chaos.faults.processes import freeze_processor
from chaos.proxy import FaultProxy
from chaos.rabbitmq import RabbitMQ, missing

#: The least that may be set: all queues together take so much before they refuse.
_BUS_BYTES = 1 << 20
_SHARDS = 8
_QUEUES = (*(f"sluice.events.{number}" for number in range(_SHARDS)), "sluice.suspects")
#: Seconds.
_BACK, _FRESH = 5.0, 15.0
_WHY = "clients connect anew with a pause that doubles, and quorum queues elect a leader first"
#: The broker of each instance, by its folder, and what stands in front of it.
_BROKERS: dict[Path, tuple[RabbitMQ, FaultProxy]] = {}


@contextmanager
def _with_broker(folder: Path) -> Iterator[Mapping[str, str]]:
    inside = folder / "rabbit"
    inside.mkdir()
    node = RabbitMQ(inside)
    try:
        node.start()
        with FaultProxy(f"127.0.0.1:{node.port}") as proxy:
            _BROKERS[folder] = (node, proxy)
            url = f"amqp://guest:guest@{proxy.host}:{proxy.port}//"
            sizes = {"BUS_MAX_BYTES": str(_BUS_BYTES), "BUS_SHARDS": str(_SHARDS)}
            yield {"EVENT_BUS_URL": url, "CELERY_BROKER_URL": url, **sizes}
    finally:
        _BROKERS.pop(folder, None)
        node.stop()


def _left(folder: Path) -> int:
    """Return the messages that are ready in the queues of the bus: RabbitMQ itself is asked."""
    with amqp.Connection(f"127.0.0.1:{_BROKERS[folder][0].port}") as link:
        channel = link.channel()
        return sum(channel.queue_declare(name, passive=True).message_count for name in _QUEUES)


setup(
    Setup(
        "broker",
        "as plain, with RabbitMQ as the bus and Celery's broker",
        open=_with_broker,
        left=_left,
        needs=missing,
    )
)


def _node(scene: Scene) -> RabbitMQ:
    return _BROKERS[scene.instance.folder][0]


def _proxy(scene: Scene) -> FaultProxy:
    return _BROKERS[scene.instance.folder][1]


@fault("broker-restart", "a clean stop and start of RabbitMQ", setup="broker", hold=(0.0, 10.0), hold_short=(0.0, 1.0),
       back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def restart(scene: Scene) -> Iterator[None]:
    """Restart as an upgrade would."""
    _node(scene).stop()
    yield
    _node(scene).start()


@fault("broker-kill", "kill -9 of RabbitMQ, and its start", setup="broker", hold=(0.0, 20.0), hold_short=(0.0, 2.0),
       weight=2, back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def kill(scene: Scene) -> Iterator[None]:
    """Lose what its memory held."""
    _node(scene).kill()
    yield
    _node(scene).start()


@fault("broker-frozen", "RabbitMQ stands still (SIGSTOP): it takes connections and says nothing", setup="broker",
       hold=(5.0, 20.0), hold_short=(3.0, 5.0), back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def freeze(scene: Scene) -> Iterator[None]:
    """Freeze the node."""
    _node(scene).freeze()
    try:
        yield
    finally:
        _node(scene).thaw()


@fault("broker-reset", "connections to RabbitMQ are reset, new ones too", setup="broker", hold=(0.0, 15.0),
       hold_short=(0.0, 3.0), back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def reset(scene: Scene) -> Iterator[None]:
    """Reset everything."""
    with _proxy(scene).fault("reset"):
        yield


@fault("broker-blackhole", "RabbitMQ takes connections and nothing comes back", setup="broker", hold=(5.0, 20.0),
       short=False, back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def black_hole(scene: Scene) -> Iterator[None]:
    """Let everything vanish."""
    with _proxy(scene).fault("blackhole"):
        yield


@fault("broker-swallow", "batches and acknowledgements arrive, RabbitMQ's confirmations do not", setup="broker",
       hold=(1.0, 10.0), hold_short=(2.0, 3.0), weight=2, back_within=_BACK, fresh_within=_FRESH,
       because=_WHY)  # fmt: skip
@contextmanager
def swallow(scene: Scene) -> Iterator[None]:
    """Leave publishers in doubt: what they spool meanwhile comes twice."""
    with _proxy(scene).fault("swallow"):
        yield


@fault("broker-full", "nobody takes from the queues until they refuse more: 503", setup="broker", hold=(6.0, 9.0),
       back_within=_BACK, fresh_within=_FRESH, because=_WHY, short=False)  # fmt: skip
@contextmanager
def fill(scene: Scene) -> Iterator[None]:
    """Stop the processors, shorter than their leases, and send more than there is room for.

    A processor is sent 50 messages of each queue ahead, which do not count: it takes many, rather than big ones.
    """
    pids = [scene.instance.pids(part)[0] for part in ("processor.1", "processor.2")]
    before = scene.load.statuses[503]
    heavy_requests(scene, senders=8, each=40, size=80)
    with scene.instance.frozen(pids[0]), scene.instance.frozen(pids[1]):
        yield
        refused = scene.load.statuses[503] - before
    scene.proved(refused, f"{refused} times 503")


@fault("broker-database-away", "PostgreSQL is away while RabbitMQ holds the events", setup="broker",
       hold=(10.0, 30.0), hold_short=(4.0, 6.0), back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def without_database(scene: Scene) -> Iterator[None]:
    """Stop the server: deliveries must not be counted against the messages."""
    scene.instance.server.stop(signal.SIGQUIT)
    yield
    scene.instance.server.start()


@fault("broker-kill-processors", "kill -9 of all processors, with messages that they had not acknowledged",
       setup="broker", weight=2, back_within=_BACK, fresh_within=_FRESH, because=_WHY)  # fmt: skip
@contextmanager
def kill_processors(scene: Scene) -> Iterator[None]:
    """Have everything delivered again."""
    for part in ("processor.1", "processor.2"):
        scene.instance.kill(part)
    yield


fault("broker-mass-poison", "PostgreSQL refuses every event that comes from RabbitMQ: all is stored afterwards",
      setup="broker", hold=(5.0, 15.0), fresh_within=45.0, short=False,
      because="a processor that may not store anything at all pauses for 30 s")(mass_poison)  # fmt: skip
fault("broker-frozen-processor", "a processor is stopped (SIGSTOP) until RabbitMQ has given its messages to others",
      setup="broker", hold=(11.0, 15.0), back_within=_BACK, fresh_within=_FRESH, because=_WHY,
      short=False)(freeze_processor)  # fmt: skip
