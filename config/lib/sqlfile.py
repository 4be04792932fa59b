"""Loads `.sql` files of named blocks, so that SQL is read, reviewed and tested as SQL.

A block starts with `-- name: NAME`, continues with one comment sentence that says what it does, and ends
where the next block starts. `load` gives the blocks of the file beside a module by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString, cast

#: What every migration sets first: it must neither wait for a lock for long, and all others behind it, nor for ever.
TIMEOUTS = "SET LOCAL lock_timeout = '10s';\nSET LOCAL statement_timeout = '10min';\n"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(module_file: str, filename: str) -> Mapping[str, LiteralString]:
    """Return `{block name: SQL text}` of the file `filename` in the folder of `module_file`."""
    text = Path(module_file).with_name(filename).read_text()
    parts = _NAME.split(text)
    names = parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{filename}: two blocks have one name")
    # The text is part of the program, as a literal would be: nothing of a user's ever enters it.
    return {name: cast(LiteralString, body.strip()) for name, body in zip(names, parts[2::2], strict=True)}


def script(module_file: str, filename: str) -> str:
    """Return the whole of `sql/FILENAME` beside a migration module, with the timeouts every migration sets."""
    body = (Path(module_file).parent / "sql" / filename).read_text()
    return f"{TIMEOUTS}{body}"
