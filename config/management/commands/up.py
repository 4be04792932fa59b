"""`manage.py up`: the whole of Sluice on one machine, which is what `make run` starts."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import bootstrap
from config.embedded import EmbeddedError, EmbeddedServer
from config.embedded_binaries import Binaries
from config.lib import lifeline
from config.lib.reachable import Unreachable
from config.supervisor import Plan, Spec


class Command(BaseCommand):
    """Starts the database, web, processors, Celery worker and beat, and keeps them running until SIGTERM."""

    help = (
        "Run all of Sluice: Postgres (unless DATABASE_URL is set), web, processors, Celery worker and beat."
    )
    # The database, which some checks ask, is not there yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the two switches that the outside does not need."""
        parser.add_argument("--prepare", action="store_true", help="migrate, make the first keys, and end")
        parser.add_argument(
            "--tied", action="store_true", help="stop when the process that started this one ends"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what can be checked, then become the supervisor."""
        try:
            if options["prepare"]:
                self.stdout.write(bootstrap.prepare())
                return
            if options["tied"]:
                lifeline.tie(signal.SIGTERM)
            self._become_supervisor()
        except (EmbeddedError, Unreachable, bootstrap.BootstrapError) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{error.filename or settings.DATA_DIR}: {error.strerror}") from None

    def _become_supervisor(self) -> None:
        _lock(settings.DATA_DIR)
        _check_port()
        _make_folders(settings.DATA_DIR)
        plan = _plan()
        os.environ |= _environment()
        os.chdir(settings.BASE_DIR)
        # In place of this process: Django is not needed from here on, and takes 40 MB.
        os.execv(sys.executable, [sys.executable, "-m", "config.supervisor", plan.dump()])


def _lock(data_dir: Path) -> None:
    """Make sure that this is the only `up` of the data folder, for as long as the process lives."""
    data_dir.mkdir(parents=True, exist_ok=True)
    handle = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError(f"Sluice is already running in {data_dir}") from None
    os.set_inheritable(handle, True)


def _check_port() -> None:
    host = settings.HOST.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, settings.PORT))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(
                f"{host}:{settings.PORT} cannot be used: {reason}; set PORT (or HOST)"
            ) from None


def _make_folders(data_dir: Path) -> None:
    """Make the folders of Celery's file broker, of static files, and of the metrics, which are of this run only."""
    for name in ("messages", "control", "processed"):
        (data_dir / "celery" / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data_dir / "prometheus", ignore_errors=True)
    (data_dir / "prometheus").mkdir()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


def _environment() -> dict[str, str]:
    return {
        "DATA_DIR": str(settings.DATA_DIR),
        "SPOOL_DIR": str(settings.SPOOL_DIR),
        "PROMETHEUS_MULTIPROC_DIR": str(settings.DATA_DIR / "prometheus"),
        "SLUICE_SUPERVISED": "1",
        "PYTHONUNBUFFERED": "1",
        # The preparation has run them; in a part they would import every page and endpoint.
        "CELERY_SKIP_CHECKS": "1",
        # A thread of granian's that prints a backtrace with no memory left hangs, and its process with it, for ever;
        # without one the process ends and is replaced.
        "RUST_BACKTRACE": "0",
        # Threads that each keep a heap of their own cost more memory than they save time.
        "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
    }


def _plan() -> Plan:
    return Plan(
        database=_database(),
        prepare=[*_manage(), "up", "--prepare"],
        stages=[[Spec("web", _web())], [Spec("beat", _beat())], _processors(), [Spec("worker", _worker())]],
        ready_url=f"{bootstrap.base_url()}/health/ready",
    )


def _manage() -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py")]


def _database() -> Spec | None:
    if not bootstrap.is_embedded():
        return None
    binaries = Binaries(settings.POSTGRES_BIN)
    server = EmbeddedServer(settings.DATA_DIR, binaries=binaries, licence=settings.TIMESCALEDB_LICENSE)
    server.prepare()
    return Spec("postgres", server.command(), stop_signal=signal.SIGINT, grace=60.0)


def _web() -> list[str]:
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "config.wsgi:application",
        "--host", settings.HOST.strip("[]"), "--port", str(settings.PORT), "--no-ws",
        "--workers", str(settings.WEB_WORKERS), "--http", "1",
        "--blocking-threads", str(settings.WEB_THREADS + settings.WEB_BODY_THREADS),
        "--http1-header-read-timeout", "10000", "--workers-kill-timeout", "8",
        "--respawn-failed-workers", "--respawn-interval", "0.5", "--log-level", "error",
    ]  # fmt: skip


def _processors() -> list[Spec]:
    command = [*_manage(), "process", "--skip-checks"]
    return [Spec(f"processor.{number}", command) for number in range(1, settings.PROCESSORS + 1)]


def _worker() -> list[str]:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    return [*_celery("config"), "worker", "--pool", "solo", *quiet]


def _beat() -> list[str]:
    schedule = str(settings.DATA_DIR / "celery" / "beat-schedule")
    return [*_celery("config.beat"), "beat", "--loglevel", "WARNING", "--schedule", schedule, "--pidfile="]


def _celery(app: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "-A", app]
