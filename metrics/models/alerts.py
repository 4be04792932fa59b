"""Alerts: questions that are asked again and again, and who hears of it when an answer is out of bounds."""

from __future__ import annotations

from django.db import models


class Alert(models.Model):
    """A bound on a question's answer, or on a figure of the pipeline. `params` say which, as the source takes them.

    `threshold` is a value where the kind is `threshold`, and percent against the period before where it is `change`.
    `since` is when the state began.
    """

    class Kind(models.TextChoices):
        """What is compared with the threshold."""

        THRESHOLD = "threshold", "the value"
        CHANGE = "change", "its change against the period before"

    class Source(models.TextChoices):
        """Where the value comes from."""

        QUESTION = "question", "a question"
        PIPELINE = "pipeline", "a figure of the pipeline"

    class Comparison(models.TextChoices):
        """When it fires."""

        ABOVE = "above", "is above"
        BELOW = "below", "is below"

    class State(models.TextChoices):
        """What the last check found."""

        UNKNOWN = "unknown", "not known"
        OK = "ok", "within bounds"
        FIRING = "firing", "firing"

    project = models.ForeignKey("events.Project", on_delete=models.CASCADE, related_name="alerts")
    name = models.CharField(max_length=200)
    kind = models.TextField(choices=Kind, default=Kind.THRESHOLD)
    source = models.TextField(choices=Source, default=Source.QUESTION)
    params = models.JSONField(default=dict)
    comparison = models.TextField(choices=Comparison, default=Comparison.ABOVE)
    threshold = models.FloatField()
    emails = models.JSONField(default=list, blank=True)
    webhook_url = models.TextField(blank=True, default="", db_default="")
    webhook_secret = models.TextField(blank=True, default="", db_default="", editable=False)
    enabled = models.BooleanField(default=True, db_default=True)
    state = models.TextField(choices=State, default=State.UNKNOWN, db_default=State.UNKNOWN, editable=False)
    since = models.DateTimeField(null=True, editable=False)
    last_checked_at = models.DateTimeField(null=True, editable=False)
    created_by = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "alert"
        ordering = ["project", "name", "id"]

    def __str__(self) -> str:
        return f"{self.name} of {self.project}"


class AlertRun(models.Model):
    """What one check of an alert found. `delivered` is None where there was nothing to tell anybody."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="runs")
    at = models.DateTimeField()
    value = models.FloatField(null=True)
    state = models.TextField(choices=Alert.State)
    delivered = models.BooleanField(null=True)
    message = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "alert_run"
        ordering = ["-id"]
        indexes = [models.Index(fields=["alert", "-id"], name="alert_run_newest")]

    def __str__(self) -> str:
        return f"{self.state} at {self.at}"
