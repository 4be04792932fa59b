"""What `make run` does between the database's start and the other parts': migrate, and make what a newcomer needs.

`DATA_DIR/dev-keys.json` is written before the database is changed and is the truth afterwards: whatever it names is
made if it is missing. So a run that was interrupted, or that meets another database, ends with working keys.
"""

from __future__ import annotations

import io
import json
import os
import secrets
from pathlib import Path

import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, connections, transaction
from psycopg import sql

from config import embedded, roles_at_start
from config.engine import prepare_bus
from config.lib.postgres import connect
from config.lib.reachable import wait_until_reachable
from events.bus.broker import BrokerInUse
from events.bus.broker_topology import TopologyRefused
from events.models import ApiKey
from events.services import create_key, create_project, new_token

OLDEST_SERVER = 15
_PROJECT = "default"
_MIGRATION_LOCK = 7300


class BootstrapError(Exception):
    """Sluice cannot start; the message is one line that says why."""


def prepare() -> str:
    """Wait for the database, migrate, make the start-up data, and return the text that welcomes the user."""
    if is_embedded():
        _make_database()
    wait_until_reachable(settings.DATABASE_URL)
    _check_server()
    call_command("check", databases=["default"], stdout=io.StringIO())
    lock = connect(name="migrate", autocommit=True, deadline=600)
    with lock:
        # Two that start at once on one server take turns; the lock ends with the connection.
        lock.execute("SELECT pg_advisory_lock(%s, 0)", [_MIGRATION_LOCK])
        call_command("migrate", interactive=False, verbosity=0)
        if refused := roles_at_start.refusal():
            raise BootstrapError(refused)
        _prepare_bus()
        keys, fresh = _start_data(settings.DATA_DIR / "dev-keys.json")
    connections.close_all()
    return _welcome(keys, fresh)


def _prepare_bus() -> None:
    try:
        prepare_bus()
    except TopologyRefused as error:
        raise BootstrapError(f"EVENT_BUS_URL: a queue is not as Sluice needs it: {error}") from None
    except BrokerInUse as error:
        raise BootstrapError(f"EVENT_BUS_URL: stop those that have another one first: {error}") from None


def is_embedded() -> bool:
    """Tell whether the database is the one that comes with Sluice."""
    return bool(embedded.database_url(settings.DATA_DIR) == settings.DATABASE_URL)


def _make_database() -> None:
    """Make the embedded server's database the first time."""
    url = embedded.database_url(settings.DATA_DIR, "postgres")
    wait_until_reachable(url)
    with psycopg.connect(url, autocommit=True) as link:
        if not link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [embedded.DATABASE]).fetchone():
            link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(embedded.DATABASE)))


def _check_server() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        version = int(cursor.fetchone()[0])
    if version < OLDEST_SERVER * 10_000:
        raise BootstrapError(
            f"PostgreSQL {version // 10_000} is too old: Sluice needs {OLDEST_SERVER} or newer"
        )


def _start_data(path: Path) -> tuple[dict[str, str], bool]:
    """Return the content of dev-keys.json and whether it is new; everything it names exists afterwards."""
    fresh = not path.exists()
    if fresh:
        _write_private(path, json.dumps(_new_keys(), indent=2) + "\n")
    keys: dict[str, str] = json.loads(path.read_text())
    with transaction.atomic():
        project = create_project(slug=keys["project"], name="Default")
        create_key(project=project, kind=ApiKey.Kind.WRITE, label="make run", token=keys["write_key"])
        create_key(project=project, kind=ApiKey.Kind.READ, label="make run", token=keys["read_key"])
        if not _user_exists(keys["admin_user"]):
            get_user_model().objects.create_superuser(keys["admin_user"], password=keys["admin_password"])
    return keys, fresh


def _new_keys() -> dict[str, str]:
    return {
        "project": _PROJECT,
        "write_key": new_token(ApiKey.Kind.WRITE),
        "read_key": new_token(ApiKey.Kind.READ),
        # A database that others use may have its own `admin`, whose password we cannot know.
        "admin_user": f"admin-{secrets.token_hex(3)}" if _user_exists("admin") else "admin",
        "admin_password": secrets.token_urlsafe(12),
    }


def _user_exists(name: str) -> bool:
    return get_user_model().objects.filter(username=name).exists()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.rename(path)


def base_url() -> str:
    """Return the address at which this machine reaches the web part."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104
    return f"http://[{host}]:{settings.PORT}" if ":" in host.strip("[]") else f"http://{host}:{settings.PORT}"


def _welcome(keys: dict[str, str], fresh: bool) -> str:
    shown = (
        [
            f"  sign in    {keys['admin_user']} / {keys['admin_password']}",
            f"  write key  {keys['write_key']}",
            f"  read key   {keys['read_key']}",
        ]
        if fresh
        else []
    )
    lines = [
        "",
        f"Sluice is ready: {base_url()}/",
        *shown,
        f"  keys and password are in {settings.DATA_DIR / 'dev-keys.json'}",
        "  send an event:",
        f"curl -sS {base_url()}/api/events -H 'Authorization: Bearer {keys['write_key']}'"
        """ -H 'Content-Type: application/json' -d '{"type": "hello", "userId": "me"}'""",
        "",
    ]
    return "\n".join(lines)
