"""Plans on disk, one file a project: a process that starts while the database is away knows them from here."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

logger = logging.getLogger("sluice.plan")


class KeptPlans:
    """A folder of plans. No method raises: without it, plans are unknown as they were before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said = False

    def note(self, project_id: int, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep what the database has just said of a project's plan."""
        path = self._path(project_id)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(rows))
            draft.replace(path)
            self._said = False
        except OSError as error:
            self._say_once(error)

    def find(self, project_id: int) -> list[Any] | None:
        """Return what the database said last, or None. Only to be asked while the database is away."""
        try:
            return list(json.loads(self._path(project_id).read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            self._say_once(error)
            return None

    def _path(self, project_id: int) -> Path:
        return self._folder / f"{project_id}.json"

    def _say_once(self, error: Exception) -> None:
        if not self._said:
            logger.warning("plans cannot be kept on disk: %s", error)
        self._said = True
