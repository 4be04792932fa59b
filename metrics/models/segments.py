"""Segments: some of a project's people, under a name."""

from __future__ import annotations

from django.db import models


class Segment(models.Model):
    """Some of a project's people: by rules, as `metrics.segments.reading` takes them, or by a list of user ids.

    The ids of a list are in the table `segment_member`, which the `.sql` files of `metrics/segments` read and write.
    """

    class Kind(models.TextChoices):
        """How people come to be in it."""

        RULES = "rules", "by rules"
        STATIC = "static", "a list"

    project = models.ForeignKey("events.Project", on_delete=models.CASCADE, related_name="segments")
    name = models.CharField(max_length=63)
    kind = models.TextField(choices=Kind, default=Kind.RULES)
    rules = models.JSONField(null=True, blank=True)
    created_by = models.TextField(
        blank=True, default="", db_default="", help_text="The user's name, kept when the user is gone."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "segment"
        ordering = ["project", "name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="segment_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.project}"
