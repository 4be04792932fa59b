"""What becomes of a batch that cannot be read: dead letters, as many as it had events."""

from __future__ import annotations

from dataclasses import replace

from events.contracts import Batch, Lane, Reject, reject_id
from events.reasons import Reason, Stage


def unreadable(project_id: int, lane: str, events: int, raw: bytes, error: Exception) -> Batch:
    """Turn a batch that cannot be read into dead letters: the first has its bytes, and the books must balance."""
    message = f"The batch cannot be read: {error}"
    first = Reject(Stage.PROCESSOR, Reason.DATABASE_REFUSED, message, raw, id=reject_id(raw))
    others = (replace(first, raw=b"", id=reject_id(raw, number)) for number in range(1, events))
    return Batch(project_id, Lane(lane), 0, b"", (first, *others))
