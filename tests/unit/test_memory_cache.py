"""Answers kept in memory: a bounded part of it, and nothing of what other parts of the process count there."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache, caches

from config.memory_cache import BoundedMemoryCache

KIB = 1 << 10


@pytest.fixture
def small() -> BoundedMemoryCache:
    """A cache of 100 KiB."""
    options: dict[str, Any] = {"MAX_ENTRIES": 1000, "MAX_BYTES": 100 * KIB}
    return BoundedMemoryCache(uuid.uuid4().hex, {"OPTIONS": options})


def held(memory: BoundedMemoryCache) -> int:
    return sum(len(one) for one in memory._cache.values())


def test_what_was_used_longest_ago_makes_room(small: BoundedMemoryCache) -> None:
    for number in range(8):
        small.set(str(number), bytes(20 * KIB))
        small.get("0")
        assert held(small) <= 100 * KIB
    kept = [number for number in range(8) if small.get(str(number)) is not None]
    assert kept == [0, 5, 6, 7]
    assert len(small._expire_info) == len(small._cache)


def test_one_huge_answer_is_not_kept_and_pushes_nothing_out(small: BoundedMemoryCache) -> None:
    small.set("small", "kept")
    small.set("huge", "old")
    small.set("huge", bytes(60 * KIB))
    assert (small.get("small"), small.get("huge")) == ("kept", None)


def test_kept_answers_push_no_count_of_wrong_passwords_out() -> None:
    cache.set("basic-failures:192.0.2.1", 5)
    for number in range(settings.CACHES["answers"]["OPTIONS"]["MAX_ENTRIES"] + 1):
        caches["answers"].set(f"answer:{number}", "")
    assert cache.get("basic-failures:192.0.2.1") == 5
