"""Registers the frame with Django, for its commands and system checks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Commands (`up`, `drain`), system checks and start-up."""

    name = "config"
    label = "sluice_config"

    def ready(self) -> None:
        """Register the system checks."""
        from config import checks  # noqa: F401
