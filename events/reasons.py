"""The closed list of what can become of an event: the word is the same in counters, dead letters and answers."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Where an accepted event ended. Every accepted event has exactly one outcome once it has left the bus."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    #: A duplicate by id whose payload differs from the stored event's: the first one stays.
    CONFLICT = "conflict"
    DEAD = "dead"
    #: Taken off the bus unprocessed because its project was removed.
    PURGED = "purged"


class Reason(StrEnum):
    """Why an event is in the dead-letter queue, or was refused."""

    REQUIRED = "required"
    WRONG_TYPE = "wrong_type"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    INVALID_TIMESTAMP = "invalid_timestamp"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    OUTSIDE_WINDOW = "outside_window"
    EVENT_TOO_LARGE = "event_too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_KEYS = "too_many_keys"
    KEY_TOO_LONG = "key_too_long"
    PLAN_VIOLATION = "plan_violation"
    UNPARSEABLE_LINE = "unparseable_line"
    DATABASE_REFUSED = "database_refused"
    WORKER_DIED = "worker_died"

    @property
    def is_limit(self) -> bool:
        """Tell whether the event parsed and has an identity, but breaks a limit of meaning.

        Such an event is quarantined even when it comes alone; the others are refused with 400 then.
        """
        return self in _LIMITS


_LIMITS = {
    Reason.OUTSIDE_WINDOW,
    Reason.EVENT_TOO_LARGE,
    Reason.TOO_DEEP,
    Reason.TOO_MANY_KEYS,
    Reason.KEY_TOO_LONG,
    Reason.PLAN_VIOLATION,
}


class Stage(StrEnum):
    """The stage at which an event was taken out of the flow."""

    GATEWAY = "gateway"
    IMPORT = "import"
    PROCESSOR = "processor"
