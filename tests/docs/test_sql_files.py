"""SQL is read, reviewed and tested as SQL: every file is loaded, every block is used and says what it does."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.repository import PRODUCT, ROOT, calls, name_of, texts, tree, with_suffix

SQL_FILES = with_suffix(".sql")
_BLOCK = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def loads(module: Path) -> frozenset[Path]:
    """Return the SQL files that a module loads with `sqlfile.load` or `sqlfile.script`."""
    found = set()
    for call in calls(module):
        match call:
            case ast.Call(
                func=ast.Name(id=function) | ast.Attribute(attr=function),
                args=[ast.Name(id="__file__"), ast.Constant(value=str(name))],
            ) if function in ("load", "script"):
                found.add(module.parent / ("sql" if function == "script" else "") / name)
    return frozenset(found)


@cache
def loaders(file: Path) -> list[Path]:
    """Return the modules that load an SQL file."""
    return [
        module for module in with_suffix(".py", *PRODUCT, "bench", "chaos", "tests") if file in loads(module)
    ]


@cache
def borrowers(module: Path) -> list[Path]:
    """Return the modules that import `SQL` from `module`."""
    dotted = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    return [other for other in with_suffix(".py", *PRODUCT) if _imports_sql(other, dotted)]


def _imports_sql(module: Path, dotted: str) -> bool:
    imports = (node for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom))
    return any(node.module == dotted and any(name.name == "SQL" for name in node.names) for node in imports)


def blocks(file: Path) -> list[tuple[str, str]]:
    """Return (name, text) of the blocks of a file."""
    parts = _BLOCK.split(file.read_text())
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("file", SQL_FILES, ids=name_of)
def test_the_file_is_loaded(file: Path) -> None:
    assert loaders(file)


BLOCKS = [
    pytest.param(file, *block, id=f"{name_of(file)}:{block[0]}")
    for file in SQL_FILES
    for block in blocks(file)
]


@pytest.mark.parametrize(("file", "name", "text"), BLOCKS)
def test_the_block_is_used_by_name(file: Path, name: str, text: str) -> None:
    users = [user for loader in loaders(file) for user in (loader, *borrowers(loader))]
    assert any(name in texts(user) for user in users)


@pytest.mark.parametrize(("file", "name", "text"), BLOCKS)
def test_the_block_says_what_it_does(file: Path, name: str, text: str) -> None:
    assert text.lstrip("\n").startswith("-- ")


def test_every_file_that_is_loaded_exists() -> None:
    named = {
        file for module in with_suffix(".py", *PRODUCT, "bench", "chaos", "tests") for file in loads(module)
    }
    assert named == set(SQL_FILES)
