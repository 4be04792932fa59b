"""Migration operations that depend on the engine: record it, and run its script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation

from config.lib import engine
from config.lib.engine import SQL, Level


class RecordEngine(Operation):
    """Decides which engine the database is made for and writes it down, once; reversing it forgets.

    A database that has partitioned events already is older than the record: it stays what it is.
    """

    reversible = True

    def __init__(self, *, keep: bool = False) -> None:
        #: Reversing leaves the record to an earlier migration.
        self.keep = keep

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change no model."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Record the engine."""
        with schema_editor.connection.cursor() as cursor:

            def choose() -> Level:
                cursor.execute(SQL["is_partitioned"])
                if cursor.fetchone()[0]:
                    return Level.POSTGRES
                return engine.decide(cursor, settings.ENGINE)

            engine.record(cursor, choose)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Forget it."""
        if not self.keep:
            schema_editor.execute(SQL["forget"], params=None)

    def describe(self) -> str:
        """Say what it does."""
        return "Record the engine"


class EngineScript(Operation):
    """Runs the SQL of the recorded engine; a level that `forwards` does not name has nothing to do."""

    reversible = True

    def __init__(self, forwards: Mapping[Level, str], backwards: Mapping[Level, str]) -> None:
        self.forwards, self.backwards = dict(forwards), dict(backwards)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change no model."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Run the script."""
        self._run(schema_editor, self.forwards)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Run the reverse script."""
        self._run(schema_editor, self.backwards)

    def describe(self) -> str:
        """Say what it does."""
        return "Run the engine's SQL"

    def _run(self, schema_editor: Any, scripts: Mapping[Level, str]) -> None:
        with schema_editor.connection.cursor() as cursor:
            level = engine.recorded(cursor)
        if level is not None and level in scripts:
            schema_editor.execute(scripts[level], params=None)
