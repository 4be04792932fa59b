"""Registers the app with Django."""

from django.apps import AppConfig


class DlqConfig(AppConfig):
    """Stage 9: the dead-letter queue."""

    name = "dlq"
