"""Links between documents lead somewhere: files exist, and so do the headings that anchors name."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.repository import DOCS, name_of, with_suffix

PAGES = [path for path in with_suffix(".md") if "vendor" not in path.parts]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get on GitHub."""
    headings = _HEADING.findall(without_code(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_resolve(page: Path) -> None:
    broken = [link for link in _LINK.findall(without_code(page.read_text())) if not _resolves(page, link)]
    assert broken == []


def _resolves(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    name, _, anchor = unquote(link).partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


def test_every_page_is_reached_from_the_readme() -> None:
    index = {
        (DOCS / "adr" / link).resolve() for link in _LINK.findall((DOCS / "adr" / "README.md").read_text())
    }
    readme = DOCS.parent / "README.md"
    named = {(readme.parent / link).resolve() for link in _LINK.findall(readme.read_text())}
    assert set(PAGES) - named - index - {readme, DOCS / "adr" / "README.md"} == set()
