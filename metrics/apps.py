"""Registers the app with Django."""

from django.apps import AppConfig


class MetricsConfig(AppConfig):
    """Rollups, questions and the pages and endpoints that show them."""

    name = "metrics"
