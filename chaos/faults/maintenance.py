"""What operators and schedules do while events come in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from chaos import events
from chaos.faults.base import Scene, fault
from chaos.http import Client
from chaos.insider import ROOT
from chaos.waiting import wait_until
from config.embedded_binaries import Binaries

_DAY = 86_400_000
_RETENTION_DAYS = 60
#: Days ago.
_COMPRESSED = (8, 1)
_MIGRATION = 120


@fault("retention", "retention drops months-old days while events, late ones too, come in")
@contextmanager
def retention(scene: Scene) -> Iterator[None]:
    """Store old events of a third project, then let retention drop them, and only them."""
    tenant = scene.instance.tenant(f"archive-{scene.rng.randrange(10**6)}")
    old = [events.make(scene.rng, age=(_RETENTION_DAYS + 2) * _DAY + n * _DAY // 50) for n in range(200)]
    scene.instance.insider.append(tenant.id, "historical", [event.line(tenant.id) for event in old])
    count = "SELECT count(*) FROM event WHERE project_id = %s"
    wait_until(
        lambda: scene.instance.sql(count, [tenant.id])[0][0] == len(old), seconds=60, what="old events stored"
    )
    scene.note(f"{scene.instance.insider.ask('apply_retention', _RETENTION_DAYS)} days dropped")
    left = scene.instance.sql(count, [tenant.id])[0][0]
    assert not left, f"retention left {left} old events"
    yield


@fault("rebuild", "rollups and sessions of several days are computed again while events come in")
@contextmanager
def rebuild(scene: Scene) -> Iterator[None]:
    """Run both rebuilds over the days that most events come to."""
    today = datetime.now(UTC).date()
    days = [f"--from={today - timedelta(days=1 if scene.short else 4)}", f"--to={today}"]
    scene.instance.insider.ask("run", "rebuild_rollups", *days)
    scene.instance.insider.ask("run", "rebuild_sessions", *days)
    yield


def _without_columns() -> str:
    binaries = Binaries(os.environ.get("POSTGRES_BIN", ""))
    has_columns = binaries.has_timescaledb and binaries.licence("timescale") == "timescale"
    return (
        "" if has_columns else "plain PostgreSQL has no columns: POSTGRES_BIN names a server with TimescaleDB"
    )


@fault("compress", "yesterday and the week before are turned into columns", needs=_without_columns)
@contextmanager
def compress(scene: Scene) -> Iterator[None]:
    """Compress days that late events still come to."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in _COMPRESSED]
    _send_late(scene)
    words = [scene.instance.insider.ask("compress", str(day)) for day in days]
    yield
    scene.proved(any("became" in said for said in words), "; ".join(words)[:160])


def _send_late(scene: Scene) -> None:
    """See to it that each of the days has something to compress."""
    tenant = scene.rng.choice(scene.instance.tenants)
    batch = [events.make(scene.rng, age=ago * _DAY) for ago in _COMPRESSED for _ in range(20)]
    client = Client(scene.instance.port, tenant.write_key)
    scene.load.send(client, tenant, batch, [])
    client.close()
    stored = "SELECT count(*) FROM event WHERE event_id = ANY(%s)"
    ids = [event.id for event in batch]
    wait_until(
        lambda: scene.instance.sql(stored, [ids])[0][0] == len(ids), seconds=60, what="late events stored"
    )


@fault(
    "two-migrators", "two programs migrate one empty database at the same moment, on the server under load"
)
@contextmanager
def two_migrators(scene: Scene) -> Iterator[None]:
    """Both must end well, and the database must be whole."""
    name = f"twin_{scene.rng.randrange(10**6)}"
    scene.instance.sql(f"CREATE DATABASE {name}")
    url = scene.instance.environment["DATABASE_URL"]
    environment = scene.instance.environment | {
        "DATABASE_URL": url.removesuffix(urlsplit(url).path) + f"/{name}",
        "DATA_DIR": str(scene.instance.folder / name),
    }
    os.mkdir(scene.instance.folder / name)
    command = [sys.executable, "manage.py", "up", "--prepare"]
    both = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    try:
        words = [one.communicate(timeout=_MIGRATION)[1].decode(errors="replace") for one in both]
    finally:
        for one in both:
            one.kill()
            one.wait()
    for one, said in zip(both, words, strict=True):
        assert one.returncode == 0, f"a migrator failed: {said[-500:]}"
    scene.instance.sql(f"DROP DATABASE {name} WITH (FORCE)")
    yield
