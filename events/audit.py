"""The audit trail: what people changed, by whom, for good. Rows are added and never changed."""

from __future__ import annotations

import logging
from typing import Any

from events.models import AuditEntry

logger = logging.getLogger("sluice.audit")
_LONGEST_TARGET = 300


def record(
    *, by: str, action: str, project_id: int | None = None, target: str = "", **detail: Any
) -> AuditEntry:
    """Write down that `by` did `action` to `target`, after it was done; `detail` must be JSON.

    `action` is a noun and a verb like `segment.remove`; None is the project of what concerns the whole installation.
    """
    logger.warning("%s: %s %r in project %s", by, action, target[:_LONGEST_TARGET], project_id)
    return AuditEntry.objects.create(
        by=by, action=action, project_id=project_id, target=target[:_LONGEST_TARGET], detail=detail
    )
