"""What every template may show: the projects of the person who looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from events.models import Project
from metrics.dashboards.access import visible_projects


def navigation(request: HttpRequest) -> dict[str, Callable[[], list[Project]]]:
    """Return `my_projects`; the database is asked only by a template that shows them."""
    user: Any = getattr(request, "user", None)
    return {"my_projects": lambda: list(visible_projects(user)) if user else []}
