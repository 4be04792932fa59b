"""Every address is documented: those for programs in docs/api.md, the pages in docs/architecture.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.docs.repository import DOCS

_FOR_PROGRAMS = ("/api/", "/health/", "/metrics")
_METHODS = ("get", "post", "put", "patch", "delete")


def addresses(patterns: Sequence[Any] | None = None, prefix: str = "/") -> Iterator[tuple[str, URLPattern]]:
    """Yield (address, pattern) of every URL pattern except those that Django's admin makes."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield address, pattern
        elif isinstance(pattern, URLResolver) and pattern.app_name != "admin":
            yield from addresses(pattern.url_patterns, address)


def same_form(address: str) -> str:
    """Return an address with its parameters unnamed: the code and the documents name them differently."""
    return re.sub(r"<[^>]+>|\{[^}]+\}", "{}", address)


def documented(page: str) -> set[str]:
    quoted = re.findall(r"[`\s](/[^`\s?]*)", (DOCS / page).read_text())
    return {same_form(address) for address in quoted}


@pytest.mark.parametrize("address", sorted({address for address, _ in addresses()}))
def test_the_address_is_documented(address: str) -> None:
    page = "api.md" if address.startswith(_FOR_PROGRAMS) else "architecture.md"
    assert same_form(address) in documented(page)


def test_the_admin_is_documented() -> None:
    assert "/admin/" in documented("architecture.md")


def _operations() -> list[tuple[str, str]]:
    views = [(address, getattr(pattern.callback, "cls", None)) for address, pattern in addresses()]
    return sorted(
        (method.upper(), same_form(address))
        for address, view in views
        if view is not None and address.startswith("/api/")
        for method in _METHODS
        if hasattr(view, method)
    )


@pytest.mark.parametrize(("method", "address"), _operations())
def test_the_operation_is_documented(method: str, address: str) -> None:
    named = re.findall(r"\b([A-Z]+) (/[^`\s?]*)", (DOCS / "api.md").read_text())
    assert (method, address) in {(verb, same_form(path)) for verb, path in named}
