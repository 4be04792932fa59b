"""What becomes of a batch that cannot be read: dead letters, as many as it had events beside those that can."""

from __future__ import annotations

from dataclasses import replace

from events.contracts import Batch, Lane, Reject, reject_id
from events.reasons import Reason, Stage


def unreadable(
    project_id: int, lane: str, events: int, raw: bytes, error: Exception, *, rows: bytes = b""
) -> Batch:
    """Turn what cannot be read of a batch into dead letters: the first has its bytes, and the books must balance.

    `rows` are the lines that can be read; `events` counts them too.
    """
    message = f"The batch cannot be read: {error}"
    first = Reject(Stage.PROCESSOR, Reason.DATABASE_REFUSED, message, raw, id=reject_id(raw))
    good = rows.count(b"\n")
    others = (replace(first, raw=b"", id=reject_id(raw, number)) for number in range(1, events - good))
    return Batch(project_id, Lane(lane), good, rows, (first, *others) if events > good else ())
