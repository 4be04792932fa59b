"""Saved questions: what was asked once, under a name, to be asked again."""

from __future__ import annotations

from django.db import models


class SavedQuestion(models.Model):
    """A question that somebody kept. `params` are those of the kind's endpoint as `{name: [value, ..]}`."""

    class Kind(models.TextChoices):
        """Which of the engine's questions it is."""

        METRIC = "metric", "metric"
        FUNNEL = "funnel", "funnel"
        RETENTION = "retention", "retention"
        PATHS = "paths", "paths"
        LIFECYCLE = "lifecycle", "lifecycle"

    class Chart(models.TextChoices):
        """How its answer is shown; what is no metric has one way of its own."""

        OWN = "", "as its kind is shown"
        LINE = "line", "line"
        AREA = "area", "area"
        BARS = "bars", "bars"
        STACKED = "stacked", "stacked bars"
        TABLE = "table", "table"
        NUMBER = "number", "single number"

    project = models.ForeignKey("events.Project", on_delete=models.CASCADE, related_name="questions")
    name = models.CharField(max_length=200)
    kind = models.TextField(choices=Kind, default=Kind.METRIC)
    params = models.JSONField(default=dict)
    chart = models.TextField(choices=Chart, blank=True, default=Chart.OWN, db_default=Chart.OWN)
    created_by = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "saved_question"
        ordering = ["project", "name", "id"]

    def __str__(self) -> str:
        return f"{self.name} of {self.project}"
