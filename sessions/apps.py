"""Registers the app with Django."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    """Stage 6. The label differs from the name because Django's own sessions app took it."""

    name = "sessions"
    label = "analytics_sessions"
