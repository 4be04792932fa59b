"""The repository as the documentation tests read it: its files, its Python and its Markdown tables."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("config", "events", "metrics", "sessions", "dlq")
DOCS = ROOT / "docs"
_NOT_OURS = {".git", ".venv", "var", "node_modules"}


@cache
def files() -> tuple[Path, ...]:
    """Return the repository's files: what git knows or would add, or all of them where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return tuple(path for path in sorted(ROOT.rglob("*")) if path.is_file() and _is_ours(path))
    named = (ROOT / name for name in sorted(set(done.stdout.split("\0"))) if name)
    return tuple(path for path in named if path.is_file())


def _is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not any(part in _NOT_OURS or part.endswith(("_cache", "__pycache__")) for part in parts)


def with_suffix(suffix: str, *folders: str) -> list[Path]:
    """Return the files that end in `suffix`, below the top-level `folders` or anywhere."""
    found = [path for path in files() if path.suffix == suffix]
    return [path for path in found if not folders or path.relative_to(ROOT).parts[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    """Return a Python file parsed."""
    return ast.parse(path.read_text(), str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    """Yield every call in a Python file."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def texts(path: Path) -> set[str]:
    """Return every text literal of a Python file."""
    constants = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant))
    return {node.value for node in constants if isinstance(node.value, str)}


def name_of(path: Path) -> str:
    """Return a file's path as the documentation would write it."""
    return path.relative_to(ROOT).as_posix()


def table_rows(markdown: Path) -> Iterator[list[str]]:
    """Yield the cells of every table row of a Markdown file, heads and rulers included."""
    for line in markdown.read_text().splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]
