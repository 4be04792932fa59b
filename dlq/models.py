"""The dead letter: an accepted event that could not be stored, kept with its bytes until somebody decides."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from events.reasons import Reason, Stage


class DeadLetter(models.Model):
    """One event out of the flow. The processor inserts rows in its own transaction; people replay or discard them."""

    class State(models.TextChoices):
        """What became of the letter."""

        NEW = "new"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey("events.Project", on_delete=models.CASCADE)
    identity = models.UUIDField(
        db_default=RandomUUID(), editable=False, help_text="What makes it the same letter."
    )
    refusals = models.IntegerField(default=1, db_default=1, help_text="How often it came to be refused.")
    stage = models.TextField(choices=[(stage.value, stage.value) for stage in Stage])
    reason = models.TextField(choices=[(reason.value, reason.value) for reason in Reason])
    field = models.TextField(blank=True)
    message = models.TextField()
    raw = models.BinaryField(help_text="The event's bytes as they came: JSON, or a line of a log.")
    edited = models.BinaryField(
        null=True, blank=True, help_text="A corrected event; replayed instead of `raw`."
    )
    lane = models.TextField(default="live")
    state = models.TextField(choices=State, default=State.NEW, db_default="new")
    attempts = models.IntegerField(default=0, db_default=0, help_text="Replays so far.")
    received_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "dead_letter"
        indexes = [
            models.Index(fields=["project", "state", "reason", "-id"], name="dead_letter_browse"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["project", "identity"], name="dead_letter_once"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} at {self.stage}"
