"""One embedded PostgreSQL for the whole session, a data folder of its own, and printed seeds.

Settings read the environment when they are imported, so it is set here, before anything of Django's is. The process
that runs pytest starts the server; xdist's workers inherit its address and have a database each.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def _prepare_environment() -> Path | None:
    """Point the settings at the tests' own folder and server; return the folder if this process is to remove it."""
    if IS_WORKER:
        return None
    folder = Path(tempfile.mkdtemp(prefix="sluice-test-"))
    # Run by root, the server has another user, who has to pass.
    folder.chmod(0o711)
    (folder / "static").mkdir()
    for name in (
        "PROMETHEUS_MULTIPROC_DIR",
        "DATABASE_URL",
        "GATEWAY_DATABASE_URL",
        "READ_DATABASE_URL",
        "EVENT_BUS_URL",
        "CELERY_BROKER_URL",
        "HTTPS",
        "DEBUG",
    ):
        os.environ.pop(name, None)
    os.environ["DATA_DIR"] = str(folder)
    # What ingest may be asked to bear is a test of its own.
    os.environ["DEFINITION_POINTS"] = "1000"
    os.environ["ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1"
    if os.environ.get("TEST_DATABASE_URL"):
        os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
    return folder


FOLDER = _prepare_environment()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

from django.conf import settings  # noqa: E402

from tests.support.database import TestServer  # noqa: E402
from tests.support.fixtures import acme, django_db_setup, globex, pipeline  # noqa: E402, F401
from tests.support.rabbit_fixtures import rabbitmq, rabbitmq_node  # noqa: E402, F401

# pytest-django asks whether the settings are loaded, not whether they could be.
_ = settings.DATABASES

hypothesis_settings.register_profile("sluice", print_blob=True, deadline=None)
hypothesis_settings.load_profile("sluice")

SERVER = None if IS_WORKER or "DATABASE_URL" in os.environ else TestServer(Path(os.environ["DATA_DIR"]))


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed in the process that runs pytest; xdist hands its options to the workers."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> str:
    """Print how to repeat this run's random choices."""
    return f"hypothesis seed: {config.option.hypothesis_seed} (repeat with --hypothesis-seed=...)"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the server, before xdist starts its workers."""
    if SERVER and not session.config.option.collectonly:
        SERVER.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server and remove the folder, however the session ended."""
    if SERVER:
        SERVER.stop()
    if FOLDER:
        shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_shared_cache() -> None:
    """Forget what other tests left in memory."""
    if "django.core.cache" in sys.modules:
        from django.core.cache import caches

        for name in settings.CACHES:
            caches[name].clear()
