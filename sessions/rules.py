"""What a session is: the rule, in one place, for the code that builds sessions and the tests that check it."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings


def gap() -> timedelta:
    """Return the longest pause within a session: a longer one starts a new session."""
    return timedelta(minutes=settings.SESSION_GAP_MINUTES)


#: Users are spread over this many shards; one rebuild at a time works on a shard.
SHARDS = 16
