"""What is copied and what is not, declared once; a test proves that every table of a database is in a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Table:
    """A big table, compared and copied in pieces: buckets of `step` by `key`, a time or a number.

    A session's user may have millions of rows, an import fills one hour of the ledger: the finer the buckets, the
    less is copied twice.
    """

    name: str
    key: str
    step: timedelta | int


EVENT = Table("event", "ts", timedelta(minutes=1))
#: The rollups of defined metrics are the same on every engine, and copied as they are.
_DEFINED = ("rollup_metric", "rollup_metric_bin", "rollup_metric_user", "rollup_metric_dense")
#: Copied in pieces. The ledger's pieces go from old to new: an id that was forgotten and seen again moves that way.
IN_PIECES = (
    Table("dead_letter", "id", 1_000),
    Table("event_key", "seen_at", timedelta(minutes=1)),
    Table("session", "start_ts", timedelta(hours=1)),
    Table("rollup_sessions_1h", "bucket", timedelta(days=1)),
    Table("rollup_sessions_1d", "bucket", timedelta(days=1)),
    *(Table(f"{name}_1m", "bucket", timedelta(hours=1)) for name in _DEFINED),
    *(Table(f"{name}_{grain}", "bucket", timedelta(days=1)) for name in _DEFINED for grain in ("1h", "1d")),
)

#: Who may do what, and what they did. Replaced as a whole, in one transaction: their rows refer to each other.
DEFINITIONS = (
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "django_admin_log",
    "django_session",
    "project",
    "membership",
    "api_key",
    "import_job",
    "operation",
    "audit_entry",
    "metric_definition",
    "segment",
    "segment_member",
    "tracking_plan",
    "planned_type",
    "saved_question",
    "dashboard",
    "tile",
    "share_link",
    "alert",
    "alert_run",
)
#: What waits, what was learned from events, and the sums over all time that must fit what is stored. Replaced as a
#: whole, last of all.
BOOKS = (
    "inbox",
    "bus_counter",
    "outcome_count",
    "session_work",
    "metric_note",
    "user_alias",
    "user_trait",
    "observed_property",
    "plan_violation",
)
WHOLE = (*DEFINITIONS, *BOOKS)
COPIED = (*WHOLE, EVENT.name, *(table.name for table in IN_PIECES))

#: Not copied, and why.
NOT_COPIED = {
    "django_migrations": "the target has its own: it is migrated first",
    "project_answers": "the target has given no answers yet",
    "engine": "says what the target's own server can do",
    "quota_bucket": "full again when it is not there",
    "bus_held": "says what the source's own processors hold of a broker's messages",
    "bus_look": "says what the source's own processors saw of a broker",
    "bus_attempt": "a suspect's attempts are counted anew",
    "job_run": "says how the source's own workers did",
    "rollup_bounds": "the days that only rollups know are sealed at the target as well",
    "rollup_events_1m_slot": "computed at the target from the events; copied where these were dropped",
    "rollup_events_1h_slot": "computed at the target from the events; copied where these were dropped",
    "rollup_events_1d_slot": "computed at the target from the events; copied where these were dropped",
    "rollup_users_1h": "computed at the target from the events; copied where these were dropped",
    "rollup_values_1h_slot": "computed at the target from the events; copied where these were dropped",
    "rollup_values_1d_slot": "computed at the target from the events; copied where these were dropped",
    "rollup_users_1d": "computed at the target from the events; copied where these were dropped",
    "rollup_stale": "says what the source's own aggregates lack",
    "rollup_refresh": "says how far the source's own aggregates have come",
}
#: What migrating makes by itself: a database with these and no others is empty.
MADE_BY_MIGRATE = frozenset({"django_content_type", "auth_permission"})
