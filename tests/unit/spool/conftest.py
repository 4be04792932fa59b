from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.bus.spool import Spool
from tests.support.spooled import new_spool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    made = new_spool(folder)
    yield made
    made.close()
