"""Dashboards: saved questions and texts side by side, and the links by which others may look at them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Dashboard(models.Model):
    """Tiles on a grid. `range` is that of all its tiles, as a page's URL has it; empty: each question's own."""

    project = models.ForeignKey("events.Project", on_delete=models.CASCADE, related_name="dashboards")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=63)
    range = models.TextField(blank=True, default="", db_default="")
    is_default = models.BooleanField(default=False, db_default=False)
    created_by = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "dashboard"
        ordering = ["project", "-is_default", "name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="dashboard_once"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(is_default=True), name="dashboard_default_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.project}"


class Tile(models.Model):
    """A saved question's answer, or a text where there is no question, at a place of a grid of 12 columns.

    `x` and `width` are counted in columns from the left, `y` and `height` in rows from the top. `title` stands in
    place of the question's name.
    """

    dashboard = models.ForeignKey(Dashboard, on_delete=models.CASCADE, related_name="tiles")
    question = models.ForeignKey(
        "metrics.SavedQuestion", null=True, blank=True, on_delete=models.CASCADE, related_name="tiles"
    )
    title = models.CharField(max_length=200, blank=True, default="", db_default="")
    text = models.TextField(blank=True, default="", db_default="")
    x = models.SmallIntegerField(default=0)
    y = models.SmallIntegerField(default=0)
    width = models.SmallIntegerField(default=6)
    height = models.SmallIntegerField(default=4)

    class Meta:
        db_table = "tile"
        ordering = ["dashboard", "y", "x", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(x__gte=0, width__gte=1, width__lte=12 - F("x")), name="tile_within_columns"
            ),
            models.CheckConstraint(condition=Q(y__gte=0, height__range=(1, 24)), name="tile_within_rows"),
        ]

    def __str__(self) -> str:
        return self.title or str(self.question or "text")


class ShareLink(models.Model):
    """Lets whoever has a secret token look at one dashboard. Only the token's SHA-256 and first characters are kept."""

    dashboard = models.ForeignKey(Dashboard, on_delete=models.CASCADE, related_name="links")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    may_embed = models.BooleanField(default=False, db_default=False)
    created_by = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "share_link"
        ordering = ["dashboard", "-id"]

    def __str__(self) -> str:
        return f"link {self.hint}… to {self.dashboard}"
