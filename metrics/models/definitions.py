"""Defined metrics: what a project measures, under a name."""

from __future__ import annotations

from django.db import models


class MetricDefinition(models.Model):
    """A metric of a project's own: `metrics.definitions` keeps its rollups. All but the state is fixed when it is made.

    `match` is an `EventMatch` as JSON, `prop` the measured property's bare name. The rollups answer for what is not
    older than `covered_from`; NULL: for nothing yet. `progress` is the percentage of the stored days that they cover,
    `rows` how many rows they have, counted now and then. `failures` counts in a row what went wrong with its history.
    """

    class State(models.TextChoices):
        """What is being done about it."""

        BUILDING = "building", "being computed over history"
        STOPPED = "stopped", "kept, history not computed further"
        KEPT = "kept", "kept"
        REMOVING = "removing", "being removed"

    project = models.ForeignKey("events.Project", on_delete=models.CASCADE, related_name="definitions")
    name = models.CharField(max_length=100)
    match = models.JSONField(default=dict)
    measure = models.TextField()
    prop = models.TextField(null=True)  # noqa: DJ001 - NULL is "of no property"; "" is a name that events may have
    quantile = models.FloatField(null=True)
    dimensions = models.JSONField(default=list)
    created_by = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    state = models.TextField(choices=State, default=State.BUILDING, db_default=State.BUILDING)
    covered_from = models.DateTimeField(null=True)
    progress = models.SmallIntegerField(default=0, db_default=0)
    rows = models.BigIntegerField(default=0, db_default=0)
    message = models.TextField(blank=True, default="", db_default="")
    failures = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "metric_definition"
        ordering = ["project", "name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="metric_definition_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.project}"
