"""Projects, who may see them, and the keys that speak for them.

The analytics tables (`event`, `event_key`, `inbox`, ..) have composite keys and partitions; they live in the
`.sql` files of `migrations/sql/` and are read through the stages' own SQL.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from timescale.db.models.managers import TimescaleManager

from events.plan.modes import Mode, Unlisted
from events.roles import Role


class Project(models.Model):
    """A tenant: everything stored belongs to exactly one."""

    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    is_sample = models.BooleanField(default=False, help_text="Generated sample data; removed as a whole.")
    removing = models.BooleanField(default=False, db_default=False, editable=False)
    quota_events_per_second = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Events a second that are accepted in the long run; 0: PROJECT_EVENTS_PER_SECOND.",
    )
    quota_burst_events = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Events that may come at once; 0: ten seconds' worth. At least one full request.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "project"
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    """Lets a user see a project's pages, and do there what the role says. Superusers are admins everywhere."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.TextField(choices=Role, default=Role.VIEWER, db_default=Role.VIEWER)

    class Meta:
        db_table = "membership"
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} in {self.project}"


class ApiKey(models.Model):
    """A key of a project. Only its SHA-256 is looked up; a write key, public by nature, is kept readable too."""

    class Kind(models.TextChoices):
        """What the key may do."""

        WRITE = "write", "write (ingest only)"
        READ = "read", "read (queries only)"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=5, choices=Kind)
    label = models.CharField(max_length=100, blank=True)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False, help_text="The key's first characters.")
    token = models.CharField(max_length=80, blank=True, editable=False, help_text="Write keys only.")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_key"
        ordering = ["project", "kind", "created_at"]

    def __str__(self) -> str:
        return f"{self.kind} key {self.hint}… of {self.project}"


class TrackingPlan(models.Model):
    """What a project has agreed to send, as a whole. `version` grows with each change: gateways look for it."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="plan")
    version = models.BigIntegerField(default=0, editable=False)
    unlisted = models.TextField(
        choices=[(mode.value, mode.value) for mode in Unlisted],
        default=Unlisted.ALLOW.value,
        help_text="What is done about events of types that the plan does not name.",
    )

    class Meta:
        db_table = "tracking_plan"

    def __str__(self) -> str:
        return f"the plan of {self.project}"


class PlannedType(models.Model):
    """What one type's events look like. Written by `events.plan.services` alone, which makes a new version."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="planned_types")
    type = models.TextField()
    mode = models.TextField(choices=[(mode.value, mode.value) for mode in Mode])
    schema = models.TextField(help_text="The JSON Schema (draft 2020-12) of the events' props.")
    weight = models.IntegerField(editable=False)
    updated_at = models.DateTimeField(editable=False)
    updated_by = models.TextField(editable=False)

    class Meta:
        db_table = "planned_type"
        ordering = ["project", "type"]
        constraints = [models.UniqueConstraint(fields=["project", "type"], name="planned_type_once")]

    def __str__(self) -> str:
        return f"{self.type} of {self.project}"


class ImportJob(models.Model):
    """How far the import of a file has come: a stopped import goes on from here."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    file_sha256 = models.CharField(max_length=64)
    filename = models.CharField(max_length=255)
    lines_done = models.PositiveBigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "import_job"
        constraints = [models.UniqueConstraint(fields=["project", "file_sha256"], name="import_job_once")]

    def __str__(self) -> str:
        return f"{self.filename}: {self.lines_done} lines"


class OutcomeCount(models.Model):
    """How many events left the bus with which outcome, by minute; `slot` keeps processors apart."""

    pk = models.CompositePrimaryKey("minute", "slot", "project_id", "outcome")
    minute = models.DateTimeField()
    slot = models.SmallIntegerField()
    project_id = models.IntegerField()
    outcome = models.TextField()
    events = models.BigIntegerField()

    objects = models.Manager()
    timescale = TimescaleManager()  # type: ignore[django-manager-missing]

    class Meta:
        db_table = "outcome_count"
        managed = False

    def __str__(self) -> str:
        return f"{self.events} {self.outcome}"


class JobRun(models.Model):
    """How a Celery task went: one row a task, written by `config.job_runs`, at most every half minute.

    `message` is what the last run said, `last_failure` what the last one that failed said; both are one line. A run
    has begun and not ended while `started_at` is later than `finished_at`.
    """

    name = models.TextField(primary_key=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    ok = models.BooleanField(null=True)
    message = models.TextField(default="", db_default="")
    runs = models.BigIntegerField(default=0, db_default=0)
    failures = models.BigIntegerField(default=0, db_default=0)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.TextField(default="", db_default="")

    class Meta:
        db_table = "job_run"

    def __str__(self) -> str:
        return self.name


class Operation(models.Model):
    """The audit trail: what a person did to stored days by hand. Rows are added, and told their outcome, once."""

    class Action(models.TextChoices):
        """What was done."""

        COMPRESS = "compress"
        REFRESH = "refresh"
        DROP = "drop"

    at = models.DateTimeField(auto_now_add=True)
    by = models.TextField(help_text="The user's name, kept when the user is gone.")
    action = models.TextField(choices=Action)
    first_day = models.DateField()
    last_day = models.DateField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="", db_default="")

    class Meta:
        db_table = "operation"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.first_day} to {self.last_day} by {self.by}"


class AuditEntry(models.Model):
    """What a person changed, written by `events.audit`; entries about no project concern the whole installation."""

    at = models.DateTimeField(auto_now_add=True)
    by = models.TextField(help_text="The user's name, kept when the user is gone.")
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="audit_entries")
    action = models.TextField(help_text="What was done, like segment.remove.")
    target = models.TextField(default="", db_default="", help_text="What it was done to, by name.")
    detail = models.JSONField(default=dict)

    class Meta:
        db_table = "audit_entry"
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["project", "-id"], name="audit_entry_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.target} by {self.by}"
