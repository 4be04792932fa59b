"""Reads the times that clients send: ISO 8601 texts and epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from events.errors import Rejected
from events.reasons import Reason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The last millisecond of the year 9999; beyond it, datetime overflows.
_LAST_MILLISECOND = 253_402_300_799_999
#: A difference of clocks below this is latency, not skew.
_LATENCY = timedelta(seconds=5)


def parse(value: Any, field: str) -> datetime:
    """Return `value` as an aware datetime in UTC; a text without an offset is UTC.

    Raises Rejected(invalid_timestamp) for anything that is not an ISO 8601 text or a number of milliseconds
    since 1970.
    """
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_MILLISECOND:
            return _EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        pass
    raise Rejected(
        Reason.INVALID_TIMESTAMP, field, f"`{field}` must be an ISO 8601 time or milliseconds since 1970."
    )


def corrected(moment: datetime, sent_at: Any, received_at: datetime) -> datetime:
    """Return `moment` of a client whose clock read `sent_at` when we received: shifted by the skew of its clock.

    Raises Rejected where `sent_at` is no time, or the shifted moment leaves the calendar.
    """
    behind = received_at - parse(sent_at, "sentAt")
    try:
        return moment + behind if abs(behind) >= _LATENCY else moment
    except OverflowError:
        raise Rejected(Reason.INVALID_TIMESTAMP, "ts", "`ts` is not a time of this calendar.") from None
