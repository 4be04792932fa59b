"""Celery beat: it sends the names of the schedule's tasks and imports none, which makes it 40 MB smaller."""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from config.lib import folder_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
folder_broker.register()
app = Celery("sluice", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")


@setup_logging.connect
def _log_as_the_others_do(**_: Any) -> None:
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
