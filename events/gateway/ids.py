"""Event ids: a client's UUID is kept, any other text is mapped to one, and where there is none one is made."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any

import uuid_utils

from events.errors import Rejected
from events.reasons import Reason

#: The namespace of mapped ids. Changing it would let every mapped id in twice.
NAMESPACE = uuid.UUID("5b8f4f0c-6a0e-5d0c-9d55-0d1f0c5b7a11")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def event_id(value: Any, *, max_length: int) -> str:
    """Return the UUID (lower case, with hyphens) that stands for a client's id: the same for the same text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Rejected(Reason.WRONG_TYPE, "eventId", "`eventId` must be a text.")
    if not value:
        raise Rejected(Reason.EMPTY, "eventId", "`eventId` must not be empty.")
    if len(value) > max_length:
        raise Rejected(Reason.TOO_LONG, "eventId", f"`eventId` has more than {max_length} characters.")
    if _UUID.fullmatch(value):
        return value.lower()
    return str(uuid.uuid5(NAMESPACE, value))


def new_id() -> str:
    """Return a UUIDv7: time-ordered, so that the ledger's index grows at one end."""
    return str(uuid_utils.uuid7())


def repeatable_id(key: str, index: int, content: bytes) -> str:
    """Return the id of a request's event under its Idempotency-Key.

    The content is part of it: a key that is used again for something else must not make events vanish.
    """
    digest = hashlib.sha256(content).hexdigest()
    return str(uuid.uuid5(NAMESPACE, f"{key}\x1f{index}\x1f{digest}"))
