"""The gateways' spool, seen from outside: the files in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chaos.checks import Violation
from chaos.instance import Instance


def damaged(instance: Instance) -> Iterator[Violation]:
    """No fault of the campaign damages a file: none may have been set aside as damaged."""
    folder = Path(instance.environment.get("SPOOL_DIR") or instance.data_dir / "spool")
    found = [path.name for path in folder.glob("*.damaged")]
    if found:
        yield Violation("spool files set aside", len(found), ", ".join(found[:3]))
