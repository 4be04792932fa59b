"""What every template may show: the projects of the person who looks, where he can go, and what he may do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from events.roles import Role
from metrics.dashboards.access import visible_projects
from metrics.dashboards.navigation import links_for


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return `my_projects`, `navigation`, `role`, `can_edit` and `can_admin`.

    The database is asked only by a template that shows the projects. Outside of a project nobody may do anything.
    """
    user: Any = getattr(request, "user", None)
    project, role = getattr(request, "project", None), getattr(request, "role", None)
    return {
        "my_projects": lambda: list(visible_projects(user)) if user else [],
        "navigation": links_for(project, role) if project and role else [],
        "role": role,
        "can_edit": bool(role and role.allows(Role.ANALYST)),
        "can_admin": bool(role and role.allows(Role.ADMIN)),
    }
