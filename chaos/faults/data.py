"""Events that cannot be stored, that come again, and that come late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chaos import events
from chaos.faults.base import Scene, fault
from chaos.http import Client
from chaos.instance import Tenant

#: What makes a line poison: the gateway would never let it through, and Postgres refuses it.
_BAD_PROPS = ("{", '{"a": "\\u0000"}', '{"n": 1e200000}')
_BAD_TIMES = ("not a time", "294277-01-01T00:00:00Z")
_REFUSE = "ALTER TABLE event_key ADD CONSTRAINT chaos_refuses CHECK (false) NOT VALID"
_ADMIT = "ALTER TABLE event_key DROP CONSTRAINT IF EXISTS chaos_refuses"


@fault("poison", "batches with lines that PostgreSQL refuses, among good ones: exactly those become dead letters",
       weight=3)  # fmt: skip
@contextmanager
def poison(scene: Scene) -> Iterator[None]:
    """Put batches on the bus past the gateway, each with a few bad lines."""
    bad = 0
    for _ in range(scene.rng.randrange(2, 6)):
        bad += _poisoned_batch(scene, scene.rng.choice(scene.instance.tenants))
    scene.note(f"{bad} poison events")
    yield


def _poisoned_batch(scene: Scene, tenant: Tenant) -> int:
    """Append one batch; return how many of its events are poison."""
    good = [events.make(scene.rng) for _ in range(scene.rng.randrange(50, 200))]
    bad = [events.make(scene.rng) for _ in range(scene.rng.randrange(1, 6))]
    lines = [event.line(tenant.id) for event in good] + [_spoilt(scene, event, tenant) for event in bad]
    scene.rng.shuffle(lines)
    scene.oracle.condemn(bad)
    request = scene.oracle.sending(tenant.id, good + bad)
    scene.instance.insider.append(tenant.id, "live", lines)
    scene.oracle.was_acknowledged(request, new=len(lines))
    return len(bad)


def _spoilt(scene: Scene, event: events.Event, tenant: Tenant) -> bytes:
    if scene.rng.random() < 0.5:
        return event.line(tenant.id, props=scene.rng.choice(_BAD_PROPS))
    return event.line(tenant.id, ts=scene.rng.choice(_BAD_TIMES))


@fault("mass-poison", "PostgreSQL refuses every event: nothing becomes a dead letter, all is stored afterwards",
       hold=(5.0, 15.0), fresh_within=45.0, short=False,
       because="a processor that may not store anything at all pauses for 30 s")  # fmt: skip
@contextmanager
def mass_poison(scene: Scene) -> Iterator[None]:
    """Add a constraint that nothing meets, as a mistaken migration would, and take it away."""
    with scene.instance.server.connect(options="-c lock_timeout=20s") as link:
        link.execute(_REFUSE)
        try:
            yield
        finally:
            link.execute(_ADMIT)


@fault(
    "duplicate-storm",
    "thousands of events are sent again, over and over, by several clients at once",
    weight=2,
)
@contextmanager
def storm(scene: Scene) -> Iterator[None]:
    """Let four clients send the same batches at once, each in an order of its own."""
    tenant = scene.rng.choice(scene.instance.tenants)
    batches = [[events.make(scene.rng) for _ in range(200)] for _ in range(5)]
    known = [(scene.oracle.sending(tenant.id, batch), batch) for batch in batches]
    threads = [
        threading.Thread(target=_send_known, args=(scene, tenant, scene.rng.sample(known, len(known)), first))
        for first in (True, False, False, False)
    ]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
    scene.note("1,000 events sent four times")


def _send_known(
    scene: Scene, tenant: Tenant, known: list[tuple[int, list[events.Event]]], first: bool
) -> None:
    """Send batches that the oracle knows; only one sender is the `first`, to the others they are repeats."""
    client = Client(scene.instance.port, tenant.write_key)
    for request, batch in known:
        new, old = (batch, []) if first else ([], batch)
        scene.load.deliver(client, request, new, old)
    client.close()


@fault("late-events", "thousands of events up to 29 days late, in no order", weight=2)
@contextmanager
def late(scene: Scene) -> Iterator[None]:
    """Send weeks of late events between those of now."""
    tenant = scene.rng.choice(scene.instance.tenants)
    batches = [[events.make_late(scene.rng) for _ in range(400)] for _ in range(5)]
    client = Client(scene.instance.port, tenant.write_key)
    for batch in batches:
        scene.load.send(client, tenant, batch, [])
    client.close()
    scene.note("2,000 events")
    yield
