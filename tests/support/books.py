"""What must hold in a running Sluice: its books balance, its rollups equal its raw events."""

from __future__ import annotations

import json
from typing import Any

from tests.support.instance import RunningSluice

_BALANCE = """
import dataclasses, json
from events.selectors import balance
books = balance()
print("BOOKS" + json.dumps(dataclasses.asdict(books) | {"missing": books.missing}))
"""


def books_of(sluice: RunningSluice) -> dict[str, Any]:
    """Return the pipeline's books: accepted, waiting, outcomes, missing."""
    done = sluice.manage("shell", "-v", "0", "-c", _BALANCE)
    assert "BOOKS" in done.stdout, done.stderr
    return dict(json.loads(done.stdout.partition("BOOKS")[2]))


def assert_exact(sluice: RunningSluice) -> None:
    """Everything accepted has one outcome, and every rollup equals the raw events."""
    books = books_of(sluice)
    assert books["missing"] == 0, books
    checked = sluice.manage("check_rollups")
    assert checked.returncode == 0, checked.stdout + checked.stderr
