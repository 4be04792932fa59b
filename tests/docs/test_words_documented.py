"""What the product says to the outside is documented: reasons, outcomes, error codes, figures and commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from config import api_errors
from config.lib.errors import SluiceError
from events.reasons import Outcome, Reason
from tests.docs.repository import DOCS, PRODUCT, calls, name_of, table_rows, with_suffix

_FIGURES = {"Counter", "Histogram", "Gauge", "GaugeMetricFamily", "CounterMetricFamily"}
#: Raised within the pipeline and the admin, never answered to a client.
_INTERNAL = {"damaged_batch", "error", "mass_poison", "not_an_event", "not_settled"}


def first_cells(page: str) -> set[str]:
    """Return every quoted word in the first cells of a page's tables."""
    cells = (cells[0] for cells in table_rows(DOCS / page))
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def _quoted(page: str) -> set[str]:
    return set(re.findall(r"`([a-z0-9_]+)`", (DOCS / page).read_text()))


@pytest.mark.parametrize("reason", list(Reason))
def test_the_reason_is_documented(reason: Reason) -> None:
    assert reason.value in _quoted("api.md")


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.is_limit])
def test_a_limit_is_marked_as_one(reason: Reason) -> None:
    marked = {cells[0].strip("`") for cells in table_rows(DOCS / "api.md") if cells[-1] == "yes"}
    assert reason.value in marked


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_outcome_is_documented(outcome: Outcome) -> None:
    assert outcome.value in first_cells("architecture.md")


def _codes(kind: type[SluiceError] = SluiceError) -> set[str]:
    ours = (sub for sub in kind.__subclasses__() if not sub.__module__.startswith("tests."))
    return {kind.code}.union(*(_codes(sub) for sub in ours))


def test_every_error_code_is_documented() -> None:
    import metrics.api.views  # noqa: F401

    assert _codes() - _INTERNAL - _quoted("api.md") == set()


def test_the_codes_of_plain_statuses_are_documented_or_cannot_occur() -> None:
    never = {"not_acceptable"}
    assert set(api_errors._CODES.values()) - never - _quoted("api.md") == set()


def figures(path: Path) -> set[str]:
    """Return the names of the Prometheus figures that a file defines, as they are exported."""
    found = set()
    for call in calls(path):
        match call:
            case ast.Call(func=ast.Name(id=kind), args=[ast.Constant(value=str(name)), *_]) if (
                kind in _FIGURES
            ):
                found.add(f"{name}_total" if kind.startswith("Counter") else name)
    return found


@pytest.mark.parametrize(
    "path", [path for path in with_suffix(".py", *PRODUCT) if figures(path)], ids=name_of
)
def test_the_figures_are_documented(path: Path) -> None:
    documented = {word.partition("{")[0] for word in first_cells("runbook.md")}
    assert {name for name in figures(path) if name.startswith("sluice_")} - documented == set()


@pytest.mark.parametrize(
    "path", [p for p in with_suffix(".py", *PRODUCT) if p.parent.name == "commands"], ids=name_of
)
def test_the_command_is_documented(path: Path) -> None:
    commands = {word.split()[1] for word in first_cells("runbook.md") if word.startswith("manage.py ")}
    assert path.name == "__init__.py" or path.stem in commands
