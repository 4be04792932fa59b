"""The Celery application: `celery -A config worker`, `celery -A config beat`."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_init

from config.lib import folder_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Meant for workers that unpickle; ours take JSON only, and `make run` may be root's.
warnings.filterwarnings("ignore", category=SecurityWarning)
folder_broker.register()
app = Celery("sluice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _write_job_runs(**_: Any) -> None:
    """Let workers, and nobody else who sends tasks, write down how they went."""
    from config import job_runs  # noqa: F401


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Stop Celery from configuring logging: Django's LOGGING holds for every part."""
