"""The form of the documents: the changelog, the decision records, and no trace of anybody's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.repository import DOCS, ROOT, files, name_of, with_suffix

RECORDS = sorted((DOCS / "adr").glob("[0-9]*.md"))
_SECTIONS = ["Context", "Decision", "Consequences"]
#: Folders of single machines, in pieces so that this file does not name them itself.
_MACHINES = re.compile("/" + r"(?:home|Users)/(?!sluice\b)\w+/|(?<![\w.])/" + "(?:work|root|opt/dev)/")


def test_the_changelog_has_an_unreleased_section_with_entries() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    unreleased = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    assert unreleased.startswith("[Unreleased]")
    assert re.search(r"^- \S", unreleased, re.MULTILINE)


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_has_its_number_status_and_sections(record: Path) -> None:
    text = record.read_text()
    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert "\n**Status:** " in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == _SECTIONS


def test_records_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in files()
        if path.suffix not in (".png", ".gz", ".ico") and path.parent.name != "htmx"
        if (match := _MACHINES.search(path.read_text(errors="replace")))
    ]
    assert found == []


def test_prose_keeps_to_the_line_length() -> None:
    prose = re.compile(r"^(?!\||.*\]\().{121,}", re.MULTILINE)
    long = [name_of(path) for path in with_suffix(".md", "docs") if prose.search(_without_code(path))]
    assert long == []


def _without_code(path: Path) -> str:
    return re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
