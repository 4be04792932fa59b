"""The gateways' spool, seen from outside: the files in its folder, and the batches in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from chaos.checks import Violation
from chaos.instance import Instance


def damaged(instance: Instance) -> Iterator[Violation]:
    """No fault of the campaign damages a file: none may have been set aside as damaged."""
    found = [path.name for path in _folder(instance).glob("*.damaged")]
    if found:
        yield Violation("spool files set aside", len(found), ", ".join(found[:3]))


def waiting(instance: Instance) -> int:
    """Return how many events wait in the spool."""
    return sum(map(_events, _folder(instance).glob("*.sqlite")))


def _folder(instance: Instance) -> Path:
    return Path(instance.environment.get("SPOOL_DIR") or instance.data_dir / "spool")


def _events(file: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as link:
            return int(link.execute("SELECT coalesce(sum(events), 0) FROM entry").fetchone()[0])
    except sqlite3.Error:
        # Its owner removes it when it is drained, at this very moment perhaps.
        if file.exists():
            raise
        return 0
