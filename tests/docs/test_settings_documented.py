"""docs/settings.md and the code name the same variables, with the same defaults and bounds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.checks import _LEAST
from tests.docs.repository import DOCS, PRODUCT, ROOT, calls, table_rows, with_suffix

PAGE = DOCS / "settings.md"
_READERS = {"text", "number", "flag", "names", "choice"}


def documented() -> dict[str, list[str]]:
    """Return the cells of each variable's row."""
    rows = (cells for cells in table_rows(PAGE) if cells[0].startswith("`"))
    return {cells[0].strip("`"): cells for cells in rows}


def read_by_product() -> dict[str, ast.expr | None]:
    """Return each variable that the product reads, with the expression of its default."""
    paths = [*with_suffix(".py", *PRODUCT), ROOT / "manage.py"]
    return {name: default for path in paths for name, default in _reads(path)}


def _reads(path: Path) -> Iterator[tuple[str, ast.expr | None]]:
    for call in calls(path):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=reader),
                args=[ast.Constant(value=str(name)), *rest],
            ) if reader in _READERS:
                yield name, rest[0] if rest else None
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get" | "setdefault"),
                args=[ast.Constant(value=str(name)), *rest],
            ):
                yield name, rest[0] if rest else None


def read_elsewhere() -> set[str]:
    """Return the variables that compose, make and the tests read."""
    compose = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    make = set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    return (
        compose | make | {"TEST_DATABASE_URL", "TEST_TIMESCALE_BIN", "TEST_TIMESCALE_URL", "SCHEMA_EXAMPLES"}
    )


def test_every_variable_that_the_product_reads_is_documented() -> None:
    assert set(read_by_product()) - set(documented()) == set()


def test_every_variable_of_compose_make_and_tests_is_documented() -> None:
    assert read_elsewhere() - set(documented()) == set()


def test_every_documented_variable_is_read_somewhere() -> None:
    assert set(documented()) - set(read_by_product()) - read_elsewhere() == set()


def test_no_variable_is_documented_twice() -> None:
    names = [cells[0] for cells in table_rows(PAGE) if cells[0].startswith("`")]
    assert len(names) == len(set(names))


def _evaluated(default: ast.expr) -> str | None:
    """Return a default that stands in the code as a literal or arithmetic, as text."""
    if any(isinstance(node, ast.Name | ast.Call | ast.Attribute) for node in ast.walk(default)):
        return None
    return str(eval(compile(ast.Expression(default), "default", "eval"), {}))


@pytest.mark.parametrize("name", sorted(read_by_product()))
def test_the_documented_default_is_the_codes(name: str) -> None:
    default = read_by_product()[name]
    value = _evaluated(default) if default is not None else None
    if value is not None:
        assert value in documented()[name][1]


@pytest.mark.parametrize("name", sorted(_LEAST))
def test_the_documented_bound_is_the_one_that_is_checked(name: str) -> None:
    cells = documented()[name]
    assert cells[2] == str(_LEAST[name]) or f"Least {_LEAST[name]}" in cells[-1] or _LEAST[name] == 1


def test_the_page_speaks_of_no_variable_that_does_not_exist() -> None:
    words = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", PAGE.read_text()))
    assert words - set(documented()) == set()
