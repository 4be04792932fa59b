"""Registers the app with Django."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The pipeline from HTTP to the stored event."""

    name = "events"
