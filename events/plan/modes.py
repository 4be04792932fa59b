"""What may be done about events that break a plan."""

from __future__ import annotations

from enum import StrEnum

#: Set in a stored event's `flags` where it broke a plan that only warns.
FLAG_PLAN = 2


class Mode(StrEnum):
    """What is done about a type's events: nothing, they are stored and counted, or they are quarantined."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


class Unlisted(StrEnum):
    """The same for the types that a plan does not name."""

    ALLOW = "allow"
    WARN = "warn"
    ENFORCE = "enforce"
