"""What the transports of CELERY_BROKER_URL import is declared: requirements.txt alone has to be enough."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

_DECLARED = Path(__file__).parents[2] / "requirements.txt"


def names(lines: list[str]) -> set[str]:
    """Return the packages that such lines name."""
    found = (re.match(r"[\w.-]+", line) for line in lines)
    return {match[0].lower().replace("_", "-") for match in found if match}


def test_what_kombu_needs_for_redis_is_declared() -> None:
    needed = names([line for line in requires("kombu") or [] if re.search(r"extra == .redis.", line)])
    assert "redis" in needed
    assert needed <= names(_DECLARED.read_text().splitlines())
