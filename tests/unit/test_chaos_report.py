"""The campaign's verdict and its report."""

from __future__ import annotations

from pathlib import Path

import pytest

import chaos.catalogue  # noqa: F401
from chaos import report
from chaos.checks import Violation
from chaos.results import LOST, Injection, Outcome, Section


def outcome(*violations: Violation) -> Outcome:
    """Return what two faults to one instance came to."""
    first = Injection(1, "kill-processor", held=0.1, back=0.5, fresh=1.5, drained=3.0)
    second = Injection(
        2, "postgres-away", held=60.0, back=2.0, fresh=4.0, drained=9.0, violations=list(violations)
    )
    return Outcome(7, [Section("plain", [first, second], sent=1200, acknowledged=1100)], seconds=90)


def test_a_campaign_in_which_every_promise_was_kept_is_well() -> None:
    assert outcome().well
    assert "every promise was kept" in report.summary(outcome())


@pytest.mark.parametrize("kind", ["lost", "doubled", "books off", "gateway back late", "not injected"])
def test_one_broken_promise_is_one_too_many(kind: str) -> None:
    assert not outcome(Violation(kind, 1, "")).well


def test_what_was_left_out_is_said_with_its_reason() -> None:
    found = outcome()
    found.left_out = {"b": "no root", "a": "no root", "c": "the time was up"}
    assert "left out (no root): a, b\n" in report.summary(found)
    assert "- `c`: the time was up" in report.document(found)


def test_a_campaign_without_a_fault_proves_nothing() -> None:
    assert not Outcome(1).well


def test_an_instance_that_broke_is_not_well() -> None:
    found = outcome()
    found.sections[0].broken = "it did not start"
    assert not found.well
    assert "it did not start" in report.document(found)


def test_a_campaign_with_too_few_events_or_no_measurement_is_not_well() -> None:
    found = outcome()
    found.broken.append("1,100 of 2,000 events were acknowledged")
    assert not found.well
    for shown in (report.summary(found), report.document(found)):
        assert "1,100 of 2,000 events were acknowledged" in shown


def test_events_that_came_after_the_faults_are_told_apart() -> None:
    found = outcome()
    found.sections[0].filled = 300
    shown = report.document(found)
    assert "| events acknowledged | 1,100 |" in shown
    assert "| - while faults went on | 800 |" in shown
    assert "| - after them | 300 |" in shown


def test_a_bound_of_its_own_is_shown_with_its_reason() -> None:
    shown = report.document(outcome())
    assert "| 5 / 5 |" in shown
    assert "| 10 / 10: PostgreSQL starts, and recovers, first |" in shown


def test_what_stays_lost_is_counted_once() -> None:
    found = outcome(Violation("lost", 41, ""))
    found.sections[0].injections[0].violations = [Violation("lost", 40, "")]
    assert found.count(LOST) == 41


def test_the_report_stands_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "chaos.md"
    page.write_text(f"# By hand\n\n{report.BEGIN}\nof last time\n{report.END}\n\nAlso by hand.\n")
    report.write(outcome(Violation("lost", 3, "an id")), page)
    text = page.read_text()
    assert text.startswith("# By hand\n")
    assert text.endswith("Also by hand.\n")
    assert "of last time" not in text
    assert "| lost | 3 |" in text
    assert "seed 7" in text
    assert "`postgres-away`" in text
    assert "4.0 s (postgres-away)" in text


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "chaos.md"
    page.write_text("# By hand\n")
    with pytest.raises(ValueError, match="has no place"):
        report.write(outcome(), page)
    assert page.read_text() == "# By hand\n"
