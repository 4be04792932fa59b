"""What a member of a project may do there: each role may what the one before it may, and more."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """Viewers look. Analysts also make and change what questions are about. Admins also decide about the project."""

    VIEWER = "viewer", "viewer: looks"
    ANALYST = "analyst", "analyst: also makes questions, dashboards and segments"
    ADMIN = "admin", "admin: also keys, members, tracking plan, dead letters and alerts"

    def allows(self, needed: Role) -> bool:
        """Tell whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)
