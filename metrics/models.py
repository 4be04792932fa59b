"""What people define: it is kept under a name, and questions use it by that."""

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
